//! The operator copies the database, and later puts an older copy in its place: as any file, or with the code of the
//! command. People's decisions since then are lost to the file, and nothing older may be executed.

use std::path::PathBuf;

use inactive_contractors::store::Store;

use crate::fate::Weather;
use crate::world::World;

/// A copy of the database, and how much of the trail is in it.
pub struct Copy {
    path: PathBuf,
    events: usize,
    /// How many messages had been posted.
    posts: usize,
}

impl World {
    pub fn in_the_folder(&mut self) {
        if self.copy.is_none() || self.fate.chance(40) {
            self.copies();
        } else {
            self.puts_back();
        }
    }

    pub fn copies(&mut self) {
        // What is in the file by now is in the trail as it was read.
        self.check();
        let path = self.beside("copy.db");
        let _ = std::fs::remove_file(&path);
        Store::copy(&self.path(), &path).expect("the database can be copied");
        self.fate.trace("the database is copied");
        self.copy = Some(Copy { path, events: self.trail.len(), posts: self.slack.posts() });
    }

    /// An older copy takes the database's place, and the bot starts with it.
    pub fn puts_back(&mut self) {
        if self.fate.chance(50) {
            self.stop();
        } else {
            self.crash();
        }
        self.check();
        let Some(copy) = self.copy.take() else { return };
        if self.fate.chance(50) {
            self.fate.trace("an older copy is put back as a file");
            self.fate.count("copies put back");
            for suffix in ["-wal", "-shm"] {
                let _ = std::fs::remove_file(format!("{}{suffix}", self.path().display()));
            }
            std::fs::copy(&copy.path, self.path()).expect("there is room");
            self.slack.excuse_posts_since(copy.posts);
        } else {
            self.fate.trace("an older copy is restored by command");
            self.fate.count("copies restored");
            let now = self.fate.bot_now();
            let restoring = Store::prepare_restore(&self.path(), &copy.path, now).expect("nobody holds it");
            restoring.finish(now).expect("it can be put in place");
        }
        self.trail.truncate(copy.events);
        self.court.reads_again(&self.path());
        self.unheard.clear();
        // Earlier effects are judged; what the file says of them may be less than what was done.
        self.lost_effects = self.okta.suspensions().len();
        // Without any right to read, nobody can tell; that is said, and is not what this is about.
        self.fate.set_weather(Weather::Rough, Weather::Fair);
        self.start();
        self.court.people_changed(&self.slack);
        self.works_for(3_000);
    }

    pub fn is_stopped(&self) -> bool {
        self.court.ledger().is_stopped()
    }

    /// Nothing was done for what is from before the database was restored.
    pub fn check_epoch(&self) {
        let last = self.court.ledger().last_of_earlier_epoch();
        for effect in self.okta.suspensions().iter().skip(self.lost_effects) {
            let late = self.okta.was_late(&effect.account);
            if !late && effect.request.is_some_and(|request| request <= last) {
                let (account, request) = (&effect.account, effect.request);
                self.fate.wrong(format!("{account} was suspended for {request:?}, of an earlier epoch"));
            }
        }
    }
}
