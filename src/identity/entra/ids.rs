//! Entra ID's own ids, which are all that calls are made with.

use crate::domain::account::AccountId;
use crate::identity::IdentityError;

/// An id that nobody has.
pub(super) fn nobody() -> AccountId {
    AccountId("00000000-0000-0000-0000-000000000000".to_owned())
}

/// Only a GUID is an id: Graph takes user principal names in its place, which are renamed and reused.
pub(super) fn checked_id(id: &str) -> Result<(), IdentityError> {
    let is_guid = id.split('-').map(str::len).eq([8, 4, 4, 4, 12])
        && id.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit());
    if is_guid { Ok(()) } else { Err(IdentityError::NotFound("that is not an id of Entra ID's".into())) }
}

/// The path of something of a user's.
pub(super) fn user_segments<'a>(
    account: &'a AccountId,
    rest: &[&'a str],
) -> Result<Vec<&'a str>, IdentityError> {
    checked_id(&account.0)?;
    Ok(["users", account.0.as_str()].into_iter().chain(rest.iter().copied()).collect())
}
