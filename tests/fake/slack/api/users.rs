//! `users.*` and `usergroups.*`: <https://docs.slack.dev/reference/methods?family=users>.

use serde_json::{Value, json};

use super::super::TEAM;
use super::super::state::{SlackUser, State, UserGroup};
use super::{Args, Outcome, Refusal};

impl State {
    pub fn users_info(&mut self, args: &Args) -> Outcome {
        let user =
            self.people.get(&args.text("user").unwrap_or_default()).ok_or(Refusal::new("user_not_found"))?;
        Ok(json!({"user": self.user_json(user)}))
    }

    pub fn users_lookup_by_email(&mut self, args: &Args) -> Outcome {
        let email = args.text("email").ok_or(Refusal::new("invalid_arguments"))?;
        let is_hers =
            |user: &&SlackUser| user.email.as_ref().is_some_and(|hers| hers.eq_ignore_ascii_case(&email));
        let user = self.people.values().filter(|user| !user.deleted && user.team_id == TEAM).find(is_hers);
        let user = user.ok_or(Refusal::new("users_not_found"))?;
        Ok(json!({"user": self.user_json(user)}))
    }

    pub fn users_list(&mut self, args: &Args) -> Outcome {
        if args.text("limit").is_none() && self.people.len() > 1000 {
            return Err(Refusal::new("limit_required"));
        }
        let people: Vec<SlackUser> =
            self.people.values().filter(|user| user.team_id == TEAM).cloned().collect();
        let (page, next) = self.page(args, &people, 1000)?;
        let members: Vec<Value> = page.iter().map(|user| self.user_json(user)).collect();
        Ok(json!({"members": members, "cache_ts": 1_700_000_000, "response_metadata": {"next_cursor": next}}))
    }

    pub fn usergroups_list(&mut self, args: &Args) -> Value {
        let with_users = args.flag("include_users");
        let groups: Vec<Value> = self.groups.iter().map(|group| group.to_json(with_users)).collect();
        json!({"usergroups": groups})
    }

    pub fn usergroups_users_list(&mut self, args: &Args) -> Outcome {
        let id = args.text("usergroup").unwrap_or_default();
        let group = self.groups.iter().find(|group| group.id == id).ok_or(Refusal::new("no_such_subteam"))?;
        Ok(json!({"users": group.users}))
    }

    fn user_json(&self, user: &SlackUser) -> Value {
        let mut profile = json!({
            "real_name": user.name, "display_name": "", "real_name_normalized": user.name,
            "display_name_normalized": "", "team": user.team_id, "phone": "", "title": "", "avatar_hash": "g1",
            "image_24": "https://secure.gravatar.com/avatar/1.png",
        });
        if let (true, Some(email)) = (self.scopes.contains("users:read.email"), &user.email) {
            profile["email"] = json!(email);
        }
        let handle = user.name.to_lowercase().replace(' ', ".");
        let mut json = json!({
            "id": user.id, "team_id": user.team_id, "name": handle, "deleted": user.deleted, "profile": profile,
            "is_bot": user.is_bot, "is_app_user": false, "updated": 1_700_000_000, "is_email_confirmed": true,
        });
        let flags = json!({
            "color": "9f69e7", "real_name": user.name, "tz": user.tz, "tz_label": user.tz, "tz_offset": 0,
            "is_admin": user.is_admin, "is_owner": false, "is_primary_owner": false,
            "is_restricted": user.is_restricted, "is_ultra_restricted": user.is_ultra_restricted,
        });
        if !user.deleted {
            // Slack leaves these out of deactivated accounts.
            json.as_object_mut().expect("an object").extend(flags.as_object().expect("an object").clone());
        }
        if let Some(id) = &user.enterprise_user {
            json["enterprise_user"] = json!({
                "id": id, "enterprise_id": "E0FIRM", "enterprise_name": "Firm", "is_admin": false,
                "is_owner": false, "is_primary_owner": false, "teams": [TEAM],
            });
        }
        if user.is_stranger {
            json["is_stranger"] = json!(true);
        }
        json
    }
}

impl UserGroup {
    fn to_json(&self, with_users: bool) -> Value {
        let mut json = json!({
            "id": self.id, "team_id": TEAM, "is_usergroup": true, "is_subteam": true, "name": self.handle,
            "description": "", "handle": self.handle, "is_external": false, "date_create": 1_700_000_000,
            "date_update": 1_700_000_000, "date_delete": 0, "auto_type": null,
            "created_by": super::super::U_ADMIN, "updated_by": super::super::U_ADMIN, "deleted_by": null,
            "prefs": {"channels": [], "groups": []}, "user_count": self.users.len(), "channel_count": 0,
        });
        if with_users {
            json["users"] = json!(self.users);
        }
        json
    }
}
