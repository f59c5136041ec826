//! Signs everything that leaves for the chat with the database behind it.
//!
//! Messages say in their marks which database and epoch they are of and where the audit trail stood, so that they bear
//! witness later. Buttons, menus and dialogs carry the same name, so that a click is never taken for one of another
//! database. Both are written and read here and nowhere else; the chat system only carries them.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::chat::{
    Ack, AnswerTime, Block, Card, Chat, ChatError, ChatTerms, ChatUser, FileRef, Home, Later, Mark, Marked,
    MessageRef, Modal, Prepared, ReplyTo, Response, Room, ShareIn, Upload, What, date_in_words,
};
use crate::clock::Clock;
use crate::domain::exemption::Granted;
use crate::domain::lineage::{self, DatabaseId, Head, Lineage, Sighting, Witness};
use crate::store::Store;
use crate::wording::last_moment;

/// The facts of a mark that are about the database.
const DATABASE: &str = "database";
const EPOCH: &str = "epoch";
const EVENT: &str = "event";
const HEAD: &str = "head";

/// How many of the latest exemptions a message names.
const EXEMPT_MAX: u32 = 10;

/// Between a value and its signature. Values before it may hold it, what follows the last one may not.
const SIGNED: char = '~';
/// How much of the id distinguishes databases: a menu's value has 150 characters in all.
const ID_CHARS: usize = 16;

/// A chat that signs what it sends.
pub(crate) struct Signed {
    pub(crate) chat: Arc<dyn Chat>,
    pub(crate) store: Store,
    pub(crate) clock: Clock,
}

/// Whose an input is, by the signature of the button or dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Of this database in this epoch, or an input that needs no button.
    Ours,
    /// Of this database before it was restored or resumed.
    EarlierEpoch,
    /// Of another database, or of a time before there were signatures that can't be this file's.
    Elsewhere,
}

impl Signed {
    /// Returns the mark with the name of the database.
    fn named(&self, mark: &Mark) -> Mark {
        let mut mark = mark.clone();
        name(&mut mark.facts, &self.store.lineage().database);
        mark
    }

    /// Returns the mark with where the audit trail stands, too. What a stopped database says proves nothing.
    async fn witnessing(&self, mark: &Mark) -> Mark {
        let mut mark = self.named(mark);
        match self.store.witness().await {
            Ok(Some(witness)) => {
                bear(&mut mark.facts, &witness);
                mark.facts.extend(self.exemptions().await);
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "a message goes without the head of the audit trail"),
        }
        mark
    }

    /// Returns the latest exemptions, so that people can grant them again if the file loses them. What can't be read is
    /// left out.
    async fn exemptions(&self) -> BTreeMap<String, String> {
        let granted = self.store.latest_exemptions(EXEMPT_MAX, self.clock.now()).await.unwrap_or_default();
        let fact = |one: Granted| {
            let words = format!("{} until {}", one.account.login, date_in_words(last_moment(one.ends_at)));
            (format!("{}{}", lineage::EXEMPT, one.account.id.0), words)
        };
        granted.into_iter().map(fact).collect()
    }

    fn signature(&self) -> String {
        signature(&self.store.lineage().database)
    }

    fn card(&self, card: &Card) -> Card {
        signed_card(card, &self.signature())
    }
}

fn name(facts: &mut BTreeMap<String, String>, database: &DatabaseId) {
    facts.insert(DATABASE.to_owned(), database.id.clone());
    facts.insert(EPOCH.to_owned(), database.epoch.to_string());
}

fn bear(facts: &mut BTreeMap<String, String>, Witness { database, head }: &Witness) {
    name(facts, database);
    facts.insert(EVENT.to_owned(), head.event.to_string());
    facts.insert(HEAD.to_owned(), head.hash.clone());
}

/// The mark with what the message proved when it was read. A stopped database that changes the message must not take that
/// away: it is to be found by the next start on the same old file, too.
fn still_proving(mut mark: Mark, message: &MessageRef, lineage: &Lineage) -> Mark {
    let mut seen = lineage.stopped.iter().flat_map(|stop| &stop.seen);
    if let Some(seen) = seen.find(|one| one.channel == message.channel && one.message == message.id) {
        mark.facts.extend(seen.facts.clone());
        bear(&mut mark.facts, &seen.witness);
    }
    mark
}

fn signature(database: &DatabaseId) -> String {
    let id = database.id.get(..ID_CHARS).unwrap_or(&database.id);
    format!("{SIGNED}{id}.{}", database.epoch)
}

fn sign(blocks: &[Block], signature: &str) -> Vec<Block> {
    let mut blocks = blocks.to_vec();
    for block in &mut blocks {
        if let Block::Buttons(buttons) = block {
            for button in buttons {
                button.value.push_str(signature);
            }
        } else if let Block::Row { menu, .. } = block {
            for item in &mut menu.items {
                item.value.push_str(signature);
            }
        }
    }
    blocks
}

/// A command that begins an epoch takes a while until it has done so: what was tried meanwhile has the earlier name.
const BEGINS_WITHIN: chrono::Duration = chrono::Duration::minutes(5);

/// Returns the mark by which a message is looked for that was tried then. Before this epoch of the database it was sent with
/// the name of an earlier one.
pub(crate) fn tried(key: &str, at: DateTime<Utc>, lineage: &Lineage) -> Mark {
    let mut mark = Mark::new(key);
    name(&mut mark.facts, &lineage.database);
    if lineage.epoch_began.is_some_and(|began| at < began + BEGINS_WITHIN) {
        mark.facts.remove(EPOCH);
    }
    mark
}

/// Returns whether the card has anything to press that names the database and its epoch.
pub(crate) fn is_signed(card: &Card) -> bool {
    sign(&card.blocks, "signature") != card.blocks
}

/// Returns an answer with what it shows signed.
pub(crate) fn ack(ack: Ack, database: &DatabaseId) -> Ack {
    match ack {
        Ack::Respond(response) => Ack::Respond(signed_response(response, &signature(database))),
        Ack::Later(later) => {
            let signature = signature(database);
            Ack::Later(Later::new(async move {
                let prepared = later.prepared().await;
                Prepared { response: signed_response(prepared.response, &signature), ..prepared }
            }))
        }
        other @ (Ack::Done | Ack::FormErrors(_)) => other,
    }
}

fn signed_response(response: Response, signature: &str) -> Response {
    match response {
        Response::Reply(card) => Response::Reply(signed_card(&card, signature)),
        other => other.map_modal(|modal| Modal { value: format!("{}{signature}", modal.value), ..modal }),
    }
}

fn signed_card(card: &Card, signature: &str) -> Card {
    Card { summary: card.summary.clone(), blocks: sign(&card.blocks, signature) }
}

/// Takes the signature off a value: the value, and the id's beginning and the epoch, if it is signed.
fn split(value: &str) -> (&str, Option<(&str, i64)>) {
    let signed = value.rsplit_once(SIGNED).and_then(|(value, signature)| {
        let (id, epoch) = signature.split_once('.')?;
        let is_id = id.len() == ID_CHARS && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        Some((value, (id, epoch.parse().ok().filter(|_| is_id)?)))
    });
    signed.map_or((value, None), |(value, by)| (value, Some(by)))
}

/// Takes the signature off an input, and says whose it is.
pub(crate) fn unsigned(what: &mut What, lineage: &Lineage) -> Origin {
    let value = match what {
        What::Click { value, .. } | What::HomeClick { value, .. } => value,
        What::ModalClick { modal_value, .. } | What::Submission { modal_value, .. } => modal_value,
        What::Command { .. } | What::HomeOpened | What::Joined { .. } => return Origin::Ours,
    };
    let (plain, by) = split(value);
    let origin = match by {
        Some((id, epoch)) if lineage.database.id.starts_with(id) => {
            if epoch == lineage.database.epoch {
                Origin::Ours
            } else {
                Origin::EarlierEpoch
            }
        }
        // Before databases had ids, nothing was signed. A file that was restored since can't tell.
        None if lineage.migrated && lineage.database.epoch == 1 => Origin::Ours,
        Some(_) | None => Origin::Elsewhere,
    };
    *value = plain.to_owned();
    origin
}

/// Returns what a message says about the database behind it; `None` if it says nothing.
pub(crate) fn sighting(marked: Marked) -> Option<Sighting> {
    let Marked { message, posted_at, mark: Mark { key, mut facts } } = marked;
    let database = DatabaseId { id: facts.remove(DATABASE)?, epoch: facts.remove(EPOCH)?.parse().ok()? };
    let head = Head { event: facts.remove(EVENT)?.parse().ok()?, hash: facts.remove(HEAD)? };
    Some(Sighting {
        channel: message.channel,
        message: message.id,
        posted_at,
        key,
        witness: Witness { database, head },
        facts,
    })
}

#[async_trait]
impl Chat for Signed {
    fn terms(&self) -> &ChatTerms {
        self.chat.terms()
    }

    fn room(&self) -> Room {
        self.chat.room()
    }

    fn answer_time(&self) -> AnswerTime {
        self.chat.answer_time()
    }

    async fn post(
        &self,
        channel: &str,
        thread: Option<&MessageRef>,
        mark: &Mark,
        card: &Card,
    ) -> Result<MessageRef, ChatError> {
        self.chat.post(channel, thread, &self.witnessing(mark).await, &self.card(card)).await
    }

    async fn find(
        &self,
        channel: &str,
        thread: Option<&MessageRef>,
        mark: &Mark,
        since: DateTime<Utc>,
    ) -> Result<Option<MessageRef>, ChatError> {
        // The numbers of another life of this database, or of another one, may be the same.
        let is_named = mark.facts.contains_key(DATABASE);
        let mark = if is_named { mark.clone() } else { self.named(&Mark::new(&*mark.key)) };
        self.chat.find(channel, thread, &mark, since).await
    }

    async fn update(&self, message: &MessageRef, mark: &Mark, card: &Card) -> Result<(), ChatError> {
        let mark = still_proving(self.witnessing(mark).await, message, &self.store.lineage());
        self.chat.update(message, &mark, &self.card(card)).await
    }

    async fn marks(&self, channel: &str, since: Option<DateTime<Utc>>) -> Result<Vec<Marked>, ChatError> {
        self.chat.marks(channel, since).await
    }

    async fn send_ephemeral(&self, to: &ReplyTo, card: &Card) -> Result<(), ChatError> {
        self.chat.send_ephemeral(to, &self.card(card)).await
    }

    async fn revise(&self, to: &ReplyTo, card: &Card) -> Result<(), ChatError> {
        self.chat.revise(to, &self.card(card)).await
    }

    async fn open_direct(&self, user: &str) -> Result<String, ChatError> {
        self.chat.open_direct(user).await
    }

    async fn upload(&self, file: &Upload, share: Option<&ShareIn>) -> Result<FileRef, ChatError> {
        self.chat.upload(file, share).await
    }

    async fn publish_home(&self, user: &str, home: &Home) -> Result<(), ChatError> {
        let blocks = sign(&home.blocks, &self.signature());
        self.chat.publish_home(user, &Home { blocks }).await
    }

    async fn find_user(&self, email: &str) -> Result<Option<ChatUser>, ChatError> {
        self.chat.find_user(email).await
    }

    async fn user(&self, id: &str) -> Result<ChatUser, ChatError> {
        self.chat.user(id).await
    }

    async fn group_members(&self, group: &str) -> Result<Vec<String>, ChatError> {
        self.chat.group_members(group).await
    }

    async fn channel_members(&self, channel: &str) -> Result<Vec<String>, ChatError> {
        self.chat.channel_members(channel).await
    }

    fn other_connections(&self) -> u64 {
        self.chat.other_connections()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::RequestId;
    use crate::domain::lineage::{Mismatch, Stop};

    fn lineage(epoch: i64, migrated: bool) -> Lineage {
        let id = "0123456789abcdef0123456789abcdef".to_owned();
        Lineage {
            database: DatabaseId { id, epoch },
            epoch_began: None,
            migrated,
            acknowledged: Vec::new(),
            last_request: RequestId(0),
            last_restoration: 0,
            stopped: None,
        }
    }

    #[test]
    fn a_click_is_known_by_its_signature_and_an_old_one_only_in_a_file_that_was_migrated() {
        let ours = lineage(2, true);
        let of = |value: String, lineage: &Lineage| {
            let mut what = What::HomeClick { action: "deny".to_owned(), value };
            let origin = unsigned(&mut what, lineage);
            let What::HomeClick { value, .. } = what else { panic!("it stays what it is") };
            (value, origin)
        };
        let signed = |database: &DatabaseId| format!("7:list~x{}", signature(database));
        let plain = "7:list~x".to_owned();
        assert_eq!(of(signed(&ours.database), &ours), (plain.clone(), Origin::Ours));
        assert_eq!(of(signed(&lineage(1, true).database), &ours), (plain.clone(), Origin::EarlierEpoch));
        let other = DatabaseId { id: "f".repeat(32), epoch: 2 };
        assert_eq!(of(signed(&other), &ours), (plain.clone(), Origin::Elsewhere));
        let unsigned = |lineage| of(plain.clone(), &lineage).1;
        assert_eq!(unsigned(lineage(1, true)), Origin::Ours);
        assert_eq!(unsigned(lineage(1, false)), Origin::Elsewhere);
        assert_eq!(unsigned(lineage(2, true)), Origin::Elsewhere);
    }

    #[test]
    fn a_message_that_was_tried_in_an_earlier_epoch_is_found_by_it_and_a_later_one_only_by_its_own() {
        let at = |seconds| DateTime::UNIX_EPOCH + chrono::Duration::seconds(seconds);
        let sent = |epoch| {
            let mut mark = Mark::new("k");
            name(&mut mark.facts, &lineage(epoch, false).database);
            mark
        };
        let ours = Lineage { epoch_began: Some(at(60)), ..lineage(3, false) };
        let finds = |tried_at: i64| [2, 3].map(|epoch| tried("k", at(tried_at), &ours).matches(&sent(epoch)));
        assert_eq!((finds(59), finds(359), finds(360)), ([true, true], [true, true], [false, true]));
        let mut of_another_database = sent(2);
        of_another_database.facts.insert(DATABASE.to_owned(), "f".repeat(32));
        assert!(!tried("k", at(59), &ours).matches(&of_another_database));
        assert!(!tried("k", at(0), &lineage(1, false)).matches(&sent(2)));
    }

    #[test]
    fn a_message_that_stopped_the_database_still_proves_it_when_it_is_changed() {
        let head = |event: i64| Head { event, hash: event.to_string() };
        let mut ours = lineage(1, false);
        let witness = Witness { database: ours.database.clone(), head: head(9) };
        let message = MessageRef { channel: "C1".to_owned(), id: "1.2".to_owned() };
        let seen = Sighting {
            channel: message.channel.clone(),
            message: message.id.clone(),
            posted_at: DateTime::UNIX_EPOCH,
            key: "k".to_owned(),
            witness,
            facts: [(lineage::STATE.to_owned(), "approved".to_owned())].into(),
        };
        let changed = |ours: &Lineage, message: &MessageRef| {
            let mark = still_proving(Mark::new("k"), message, ours);
            sighting(Marked { message: message.clone(), posted_at: DateTime::UNIX_EPOCH, mark })
        };
        assert_eq!(changed(&ours, &message), None, "it is not stopped");
        let (since, why, restored_from) = (DateTime::UNIX_EPOCH, Mismatch::Ahead, None);
        ours.stopped = Some(Stop { since, why, head: head(3), restored_from, seen: vec![seen.clone()] });
        assert_eq!(changed(&ours, &message), Some(seen));
        let other = MessageRef { id: "3.4".to_owned(), ..message };
        assert_eq!(changed(&ours, &other), None);
    }
}
