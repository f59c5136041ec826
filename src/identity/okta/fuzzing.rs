//! The readers of Okta's answers and the writers of its search expressions, each by itself, for tests that feed them
//! with anything. The bot itself uses nothing of this, and there is no promise about it.

use http::HeaderMap;
use url::Url;

use crate::domain::account::{Account, AccountId, UserType};
use crate::domain::policy::Rule;
use crate::identity::IdentityError;

use super::http::Answer;
use super::wire::User;
use super::{log, paging, search};

/// The accounts of a page of users, as far as `rule` asks about them.
pub fn users(body: &[u8], rule: &Rule) -> Result<Vec<Account>, IdentityError> {
    let page = answer(body);
    let users: Vec<User> = page.json("a page of users")?;
    users.into_iter().map(|user| user.into_account(Some(rule))).collect()
}

/// Who signed in when, in a page of the System Log; a moment that can't be read is an error of its own.
pub fn sign_ins(body: &[u8]) -> Result<Vec<log::SignIn>, IdentityError> {
    log::sign_ins(&answer(body))
}

/// The address of the page after the one that came with these headers.
pub fn next_page(headers: &HeaderMap, base: &Url) -> Result<Option<Url>, IdentityError> {
    paging::next_page(paging::links(headers)?, false, base)
}

/// The search for all accounts of a type.
pub fn of_type(user_type: &UserType) -> Result<String, IdentityError> {
    search::of_type(user_type)
}

/// The search for a login or an e-mail address.
pub fn by_address(address: &str) -> String {
    search::by_address(address)
}

/// The search for the number that HR has for a person.
pub fn by_employee_number(number: &str) -> String {
    search::by_employee_number(number)
}

/// The filter of the System Log for one account's sign-ins.
pub fn sign_ins_of(account: &AccountId) -> String {
    log::sign_ins_of(account)
}

fn answer(body: &[u8]) -> Answer {
    Answer { headers: HeaderMap::new(), body: body.to_vec() }
}
