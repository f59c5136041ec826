//! The names that we give to our changes. Graph takes a name in `client-request-id`, and the audit log seems to call
//! the change by it (its correlation id).
//!
//! A name is a GUID of which one half is chance, and the other half follows from that and from what the call does. So
//! a name in the log is recognised as one of ours without a record of it, even if the answer was lost or the process
//! died. Other programs that use the same app give other names.

use sha2::{Digest, Sha256};

use crate::domain::account::AccountId;

/// What a change does to an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    Block,
    Unblock,
    EndSessions,
}

/// Returns a fresh name for a change of this account.
pub(super) fn fresh(deed: Deed, account: &AccountId) -> String {
    named(fastrand::u64(..), deed, account)
}

/// Returns whether we gave this name to such a change of this account.
pub(super) fn is_ours(name: &str, deed: Deed, account: &AccountId) -> bool {
    let digits: String = name.chars().filter(|c| *c != '-').collect();
    let chance = digits.get(..16).and_then(|half| u64::from_str_radix(half, 16).ok());
    chance.is_some_and(|chance| named(chance, deed, account).eq_ignore_ascii_case(name))
}

fn named(chance: u64, deed: Deed, account: &AccountId) -> String {
    // A GUID of the version for one's own uses: https://www.rfc-editor.org/rfc/rfc9562#name-uuid-version-8
    let chance = (chance & !0xf000) | 0x8000;
    let deed = match deed {
        Deed::Block => "block",
        Deed::Unblock => "unblock",
        Deed::EndSessions => "end sessions",
    };
    let text = format!("inactive-contractors {chance:016x} {deed} {account}");
    let rest = Sha256::digest(text).iter().take(8).fold(0_u64, |rest, byte| (rest << 8) | u64::from(*byte));
    let rest = (rest & !(0b11 << 62)) | (0b10 << 62);
    let digits = format!("{chance:016x}{rest:016x}");
    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_ours_for_its_own_account_and_deed_only() {
        let (ada, bob) = (AccountId("ada".into()), AccountId("bob".into()));
        for _ in 0..100 {
            let name = fresh(Deed::Block, &ada);
            assert!(name.len() == 36 && name.split('-').map(str::len).eq([8, 4, 4, 4, 12]), "{name}");
            assert!(is_ours(&name, Deed::Block, &ada) && is_ours(&name.to_uppercase(), Deed::Block, &ada));
            assert!(!is_ours(&name, Deed::Unblock, &ada) && !is_ours(&name, Deed::Block, &bob), "{name}");
        }
        assert_ne!(fresh(Deed::Block, &ada), fresh(Deed::Block, &ada));
        for other in ["", "é", "0b8c3cb9-0bd2-4a5c-8b0a-6f3a0e1f2a3b", "not a name at all"] {
            assert!(!is_ours(other, Deed::Block, &ada), "{other}");
        }
    }
}
