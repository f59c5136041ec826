//! Reads the bodies of answers, none of them without end.

/// Why an answer's body was not read to its end.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// It is longer than anything that was asked for.
    #[error("the answer is too long")]
    TooLong,
    /// The connection ended first.
    #[error(transparent)]
    Broken(#[from] reqwest::Error),
}

/// Reads the rest of an answer, of `bytes_max` bytes at most.
pub async fn read_body(mut response: reqwest::Response, bytes_max: usize) -> Result<Vec<u8>, BodyError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > bytes_max {
            return Err(BodyError::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
