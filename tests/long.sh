#!/usr/bin/env bash
# The runs that take hours, each by itself if it is named: tests/long.sh [crashes] [kills] [simulation] [wire] [fuzz] [mutants].
# Everything here runs in `cargo test` too, but shorter. What each found is printed; the first failure ends it.
set -euo pipefail
cd "$(dirname "$0")/.."

crashes() { # a crash before and after each commit and each outside call of each story
    CRASH_EVERYWHERE=1 cargo test --locked --test e2e crash:: -- --nocapture
}

kills() { # kill -9 at random moments under load
    KILLS="${KILLS:-250}" cargo test --locked --test e2e kills:: -- --nocapture
}

simulation() { # random interleavings of clicks, sweeps, clocks, crashes and faults
    RUNS="${RUNS:-10000}" cargo test --locked --test simulation whatever -- --nocapture
}

wire() { # random faults on real HTTP and a real WebSocket, with crashes and people
    RUNS="${RUNS:-400}" cargo test --locked --test wire whatever -- --nocapture
}

fuzz() { # needs cargo-fuzz
    fuzz/run all "${SECONDS_EACH:-600}"
}

mutants() { # needs cargo-mutants
    tests/mutants/run domain store services authz reports outbox request sweep commands inbox engine wording
}

for run in "${@:-crashes kills simulation wire fuzz mutants}"; do
    for one in $run; do
        printf '\n==== %s\n' "$one"
        "$one"
    done
done
