//! A model of a Slack workspace behind the port: people, a channel with messages and their marks, dialogs, and faults
//! before and after a call takes effect.
//!
//! Slack is a system of somebody else's, so this is a fake like those of `tests/fake`, only without HTTP. Every card
//! that a message ever showed is kept: people press buttons of a screen that is out of date.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Duration, Utc};
use inactive_contractors::chat::slack::ROOM;
use inactive_contractors::chat::{
    Ack, AnswerTime, Card, Chat, ChatError, ChatTerms, ChatUser, FileRef, Home, Inbound, Mark, Marked,
    MessageRef, Modal, ReplyTo, Response, Room, ShareIn, Upload, ViewRef, What,
};

use crate::fate::Fate;

static TERMS: LazyLock<ChatTerms> = LazyLock::new(|| ChatTerms {
    name: "Slack",
    command: "/inactive-contractors".to_owned(),
    address_right: "users:read.email",
});

type Answer<T> = Result<T, ChatError>;

/// A member of the workspace.
#[derive(Clone, Debug)]
pub struct Member {
    pub id: &'static str,
    pub email: Option<String>,
    pub outsider: bool,
}

/// A message of the channel.
#[derive(Clone, Debug)]
pub struct Message {
    pub reference: MessageRef,
    pub key: String,
    /// What it says unseen; an update replaces it.
    pub mark: Mark,
    pub in_thread: bool,
    /// All that it ever showed; the last is what it shows.
    pub cards: Vec<Card>,
    pub deleted: bool,
    at: DateTime<Utc>,
}

/// A dialog on somebody's screen.
#[derive(Clone, Debug)]
pub struct Dialog {
    pub user: String,
    pub view: ViewRef,
    pub modal: Modal,
}

#[derive(Default)]
struct Workspace {
    members: BTreeMap<&'static str, Member>,
    group: Vec<&'static str>,
    messages: Vec<Message>,
    dialogs: Vec<Dialog>,
    triggers: BTreeMap<String, (String, DateTime<Utc>)>,
    /// Marks of messages whose answer was lost, and of those that a look-up then failed to find.
    lost_posts: Vec<String>,
    missed: Vec<String>,
    late: Vec<(DateTime<Utc>, MessageRef, Mark, Card)>,
    views: u64,
}

/// The workspace. Clones are the same.
#[derive(Clone)]
pub struct Slack {
    workspace: Arc<Mutex<Workspace>>,
    pub fate: Fate,
}

/// What a call that may change something meets.
enum Fault {
    Before(ChatError),
    /// It is not done, and nobody can tell.
    Unsure,
    /// It is done, and nobody can tell.
    Lost,
    Late,
}

impl Slack {
    pub fn new(fate: Fate, members: Vec<Member>, group: Vec<&'static str>) -> Slack {
        let members = members.into_iter().map(|member| (member.id, member)).collect();
        Slack { workspace: Arc::new(Mutex::new(Workspace { members, group, ..Workspace::default() })), fate }
    }

    fn workspace(&self) -> MutexGuard<'_, Workspace> {
        self.workspace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was on its way has arrived by now.
    pub fn catch_up(&self) {
        let now = self.fate.now();
        let mut workspace = self.workspace();
        let (there, late) = std::mem::take(&mut workspace.late).into_iter().partition(|(at, ..)| *at <= now);
        workspace.late = late;
        let there: Vec<_> = there;
        for (_, reference, mark, card) in there {
            let message = workspace.messages.iter_mut().find(|message| message.reference == reference);
            if let Some(message) = message {
                self.fate.trace(&format!(
                    "Slack: a late update of {}: {:?}",
                    message.key,
                    card.summary.to_plain()
                ));
                message.cards.push(card);
                message.mark = mark;
            }
        }
    }

    pub fn messages(&self) -> Vec<Message> {
        self.workspace().messages.clone()
    }

    pub fn dialogs(&self) -> Vec<Dialog> {
        self.workspace().dialogs.clone()
    }

    pub fn member(&self, id: &str) -> Option<Member> {
        self.workspace().members.get(id).cloned()
    }

    pub fn group(&self) -> Vec<&'static str> {
        self.workspace().group.clone()
    }

    pub fn change_member(&self, id: &str, f: impl FnOnce(&mut Member)) {
        if let Some(member) = self.workspace().members.get_mut(id) {
            f(member);
        }
    }

    pub fn change_group(&self, f: impl FnOnce(&mut Vec<&'static str>)) {
        f(&mut self.workspace().group);
    }

    pub fn delete(&self, reference: &MessageRef) {
        let mut workspace = self.workspace();
        let found = workspace.messages.iter_mut().find(|message| message.reference == *reference);
        if let Some(message) = found {
            message.deleted = true;
        }
    }

    /// Somebody clicks: for three seconds a dialog may be opened for them.
    pub fn clicked(&self, user: &str, key: &str) {
        self.workspace().triggers.insert(key.to_owned(), (user.to_owned(), self.fate.now()));
    }

    pub fn close_dialogs(&self, user: &str) {
        self.workspace().dialogs.retain(|dialog| dialog.user != user);
    }

    /// What an answer does to the dialog that it answers.
    pub fn answered(&self, inbound: &Inbound, ack: &Ack) {
        let What::Submission { view, .. } = &inbound.what else { return };
        let mut workspace = self.workspace();
        match ack {
            Ack::Done => workspace.dialogs.retain(|dialog| dialog.view.id != view.id),
            Ack::Respond(Response::Replace(modal)) => {
                let dialog = workspace.dialogs.iter_mut().find(|dialog| dialog.view.id == view.id);
                if let Some(dialog) = dialog {
                    dialog.modal = modal.clone();
                }
            }
            Ack::FormErrors(_) | Ack::Respond(_) | Ack::Later(_) => {}
        }
    }

    /// Shows what an input is answered with after its acknowledgement.
    pub async fn show(&self, inbound: &Inbound, response: Response) -> Answer<()> {
        match response {
            Response::Nothing => Ok(()),
            Response::Reply(card) => self.send_ephemeral(&inbound.reply, &card).await,
            Response::Open(modal) | Response::Push(modal) => self.open(&inbound.key, modal).await,
            Response::Replace(modal) => match &inbound.what {
                What::ModalClick { view, .. } | What::Submission { view, .. } => self.draw(view, modal).await,
                _ => Ok(()),
            },
            Response::Back { below, modal } => self.draw(&below, modal).await,
        }
    }

    async fn draw(&self, view: &ViewRef, modal: Modal) -> Answer<()> {
        self.read_fault().await?;
        let mut workspace = self.workspace();
        let dialog = workspace.dialogs.iter_mut().find(|dialog| dialog.view.id == view.id);
        let dialog = dialog.ok_or_else(|| ChatError::NotFound("view_not_found".into()))?;
        dialog.modal = modal;
        Ok(())
    }

    /// Somebody ticks a box of a dialog, on their own screen.
    pub fn tick(&self, view: &str, f: impl FnOnce(&mut Modal)) {
        let mut workspace = self.workspace();
        if let Some(dialog) = workspace.dialogs.iter_mut().find(|dialog| dialog.view.id == view) {
            f(&mut dialog.modal);
        }
    }

    /// Whether a second message with this mark is excused: the answer to the first was lost, and looking for it failed.
    pub fn excuses(&self, key: &str) -> usize {
        let workspace = self.workspace();
        let lost = workspace.lost_posts.iter().filter(|lost| *lost == key).count();
        lost.min(workspace.missed.iter().filter(|missed| *missed == key).count())
    }

    /// How many messages were ever posted.
    pub fn posts(&self) -> usize {
        self.workspace().messages.len()
    }

    /// Excuses a second message for each that was posted since: a copy that was put back doesn't know of them, and where no
    /// event came after them the bot can't see that it is a copy.
    pub fn excuse_posts_since(&self, posts: usize) {
        let mut workspace = self.workspace();
        let keys: Vec<_> = workspace.messages.iter().skip(posts).map(|one| one.key.clone()).collect();
        workspace.lost_posts.extend(keys.iter().cloned());
        workspace.missed.extend(keys);
    }

    /// Everybody has an address again: without an approver's, nobody may be suspended, however long one waits.
    pub fn gives_addresses(&self) {
        for member in self.workspace().members.values_mut() {
            member.email.get_or_insert_with(|| format!("{}@example.com", member.id.to_lowercase()));
        }
    }

    fn passing(&self, kind: usize) -> ChatError {
        if self.fate.slack_locked_out() {
            self.fate.count("slack denied");
            return ChatError::Denied("the token was revoked".into());
        }
        match kind {
            0 => {
                self.fate.count("slack rate limited");
                ChatError::RateLimited(std::time::Duration::from_secs(1 + self.fate.below(90) as u64))
            }
            1 => {
                self.fate.count("slack denied");
                ChatError::Denied("a right is missing".into())
            }
            _ => {
                self.fate.count("slack unreachable");
                ChatError::Unavailable("503".into())
            }
        }
    }

    async fn read_fault(&self) -> Answer<()> {
        self.fate.latency().await;
        self.fate.in_slack(6).map_or(Ok(()), |kind| Err(self.passing(kind)))
    }

    fn change_fault(&self) -> Option<Fault> {
        let kind = self.fate.changing_slack(9)?;
        if self.fate.slack_locked_out() || kind < 4 {
            return Some(Fault::Before(self.passing(kind)));
        }
        Some(match kind {
            4 => {
                self.fate.count("slack answer lost before the effect");
                Fault::Unsure
            }
            5..=7 => {
                self.fate.count("slack answer lost after the effect");
                Fault::Lost
            }
            _ => {
                self.fate.count("slack effect after the time-out");
                Fault::Late
            }
        })
    }

    fn put(&self, channel: &str, thread: Option<&MessageRef>, mark: &Mark, card: &Card) -> MessageRef {
        let (at, key) = (self.fate.now(), &mark.key);
        let mut workspace = self.workspace();
        let id = format!("{}.{:06}", at.timestamp(), workspace.messages.len());
        let reference = MessageRef { channel: channel.to_owned(), id };
        workspace.messages.push(Message {
            reference: reference.clone(),
            key: key.clone(),
            mark: mark.clone(),
            in_thread: thread.is_some(),
            cards: vec![card.clone()],
            deleted: false,
            at,
        });
        drop(workspace);
        self.fate.trace(&format!("Slack: {key} is posted"));
        reference
    }

    fn set(&self, reference: &MessageRef, mark: &Mark, card: &Card) -> Answer<()> {
        let mut workspace = self.workspace();
        let found = workspace.messages.iter_mut().find(|one| one.reference == *reference && !one.deleted);
        let message = found.ok_or_else(|| ChatError::NotFound("message_not_found".into()))?;
        message.cards.push(card.clone());
        message.mark = mark.clone();
        Ok(())
    }

    async fn open(&self, trigger: &str, modal: Modal) -> Answer<()> {
        self.read_fault().await?;
        let now = self.fate.now();
        let mut workspace = self.workspace();
        let valid = workspace.triggers.remove(trigger).filter(|(_, at)| now - *at < Duration::seconds(3));
        let Some((user, _)) = valid else {
            return Err(ChatError::NotFound("expired_trigger_id".into()));
        };
        workspace.views += 1;
        let view = ViewRef { id: format!("V{}", workspace.views) };
        workspace.dialogs.push(Dialog { user, view, modal });
        Ok(())
    }
}

#[async_trait]
impl Chat for Slack {
    fn terms(&self) -> &ChatTerms {
        &TERMS
    }

    fn room(&self) -> Room {
        ROOM
    }

    fn answer_time(&self) -> AnswerTime {
        AnswerTime(std::time::Duration::from_secs(3))
    }

    async fn post(
        &self,
        channel: &str,
        thread: Option<&MessageRef>,
        mark: &Mark,
        card: &Card,
    ) -> Answer<MessageRef> {
        self.fate.place("before a post").await;
        self.fate.latency().await;
        let lost = || Err(ChatError::Ambiguous("the connection was reset".into()));
        let answer = match self.change_fault() {
            None => Ok(self.put(channel, thread, mark, card)),
            Some(Fault::Before(error)) => Err(error),
            Some(Fault::Unsure) => lost(),
            Some(Fault::Lost | Fault::Late) => {
                self.put(channel, thread, mark, card);
                self.workspace().lost_posts.push(mark.key.clone());
                lost()
            }
        };
        if answer.is_ok() {
            // Until the bot has written down where it stands, a crash loses that.
            self.workspace().lost_posts.push(mark.key.clone());
        }
        self.fate.place("after a post").await;
        answer
    }

    async fn find(
        &self,
        channel: &str,
        thread: Option<&MessageRef>,
        mark: &Mark,
        since: DateTime<Utc>,
    ) -> Answer<Option<MessageRef>> {
        let missed = || self.workspace().missed.push(mark.key.clone());
        if let Err(error) = self.read_fault().await {
            if matches!(error, ChatError::Denied(_)) {
                missed();
            }
            return Err(error);
        }
        if self.fate.changing_slack(4) == Some(0) {
            self.fate.count("slack stale look-up");
            missed();
            return Ok(None);
        }
        let workspace = self.workspace();
        let found = workspace.messages.iter().rev().find(|message| {
            let here = message.reference.channel == channel && message.in_thread == thread.is_some();
            here && mark.matches(&message.mark) && !message.deleted && message.at >= since
        });
        Ok(found.map(|message| message.reference.clone()))
    }

    async fn update(&self, message: &MessageRef, mark: &Mark, card: &Card) -> Answer<()> {
        self.fate.place("before an update").await;
        self.fate.latency().await;
        self.catch_up();
        let lost = || Err(ChatError::Ambiguous("the connection was reset".into()));
        let answer = match self.change_fault() {
            None => self.set(message, mark, card),
            Some(Fault::Before(error)) => Err(error),
            Some(Fault::Unsure) => lost(),
            Some(Fault::Lost) => self.set(message, mark, card).and(lost()),
            Some(Fault::Late) => {
                let wait = i64::try_from(1 + self.fate.below(40)).expect("seconds");
                let at = self.fate.now() + Duration::seconds(wait);
                self.workspace().late.push((at, message.clone(), mark.clone(), card.clone()));
                lost()
            }
        };
        let how = answer.as_ref().map_or("without success", |()| "done");
        self.fate.trace(&format!("Slack: an update {how}: {:?}", card.summary.to_plain()));
        self.fate.place("after an update").await;
        answer
    }

    async fn marks(&self, channel: &str, _: Option<DateTime<Utc>>) -> Answer<Vec<Marked>> {
        self.read_fault().await?;
        self.catch_up();
        let workspace = self.workspace();
        let here = workspace.messages.iter().rev();
        let here = here.filter(|one| one.reference.channel == channel && !one.in_thread && !one.deleted);
        let marked = |one: &Message| Marked {
            message: one.reference.clone(),
            posted_at: one.at,
            mark: one.mark.clone(),
        };
        Ok(here.map(marked).collect())
    }

    async fn send_ephemeral(&self, to: &ReplyTo, card: &Card) -> Answer<()> {
        self.read_fault().await?;
        self.fate.trace(&format!("Slack: {} is told {:?}", to.user, card.summary.to_plain()));
        Ok(())
    }

    async fn revise(&self, _: &ReplyTo, _: &Card) -> Answer<()> {
        self.read_fault().await
    }

    async fn open_direct(&self, user: &str) -> Answer<String> {
        self.read_fault().await?;
        Ok(format!("D{user}"))
    }

    async fn upload(&self, file: &Upload, _: Option<&ShareIn>) -> Answer<FileRef> {
        self.read_fault().await?;
        Ok(FileRef(file.name.clone()))
    }

    async fn publish_home(&self, _: &str, _: &Home) -> Answer<()> {
        self.read_fault().await
    }

    async fn find_user(&self, email: &str) -> Answer<Option<ChatUser>> {
        self.read_fault().await?;
        let workspace = self.workspace();
        let found = workspace.members.values().find(|member| member.email.as_deref() == Some(email));
        Ok(found.map(chat_user))
    }

    async fn user(&self, id: &str) -> Answer<ChatUser> {
        self.read_fault().await?;
        let found = self.member(id);
        found.as_ref().map(chat_user).ok_or_else(|| ChatError::NotFound("user_not_found".into()))
    }

    async fn group_members(&self, _: &str) -> Answer<Vec<String>> {
        self.read_fault().await?;
        Ok(self.group().into_iter().map(str::to_owned).collect())
    }

    async fn channel_members(&self, _: &str) -> Answer<Vec<String>> {
        self.read_fault().await?;
        Ok(self.workspace().members.keys().map(|id| (*id).to_owned()).collect())
    }

    fn other_connections(&self) -> u64 {
        0
    }
}

fn chat_user(member: &Member) -> ChatUser {
    ChatUser {
        id: member.id.to_owned(),
        person_id: None,
        name: member.id.to_lowercase(),
        email: member.email.clone(),
        outsider: member.outsider.then(|| "is a guest".to_owned()),
        is_person: true,
    }
}
