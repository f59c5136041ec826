//! `cargo run -p sandbox`: a make-believe Okta org and Slack workspace on this machine, the real bot between
//! them, and a page to play with all three.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use sandbox::Sandbox;
use tokio::net::TcpListener;

/// How long the bot may take to end in order. A person who pressed Ctrl-C waits for the prompt.
const ENDS_WITHIN: Duration = Duration::from_secs(3);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_max_level(tracing::Level::WARN).with_writer(std::io::stderr).init();
    let port = std::env::args().nth(1).unwrap_or_else(|| "0".to_owned());
    let port: u16 = port.parse().with_context(|| format!("{port:?} is not a port, from 1 to 65535"))?;
    let listening = TcpListener::bind(("127.0.0.1", port)).await;
    let listener = listening.with_context(|| format!("127.0.0.1:{port} can't be listened on"))?;
    let address = listener.local_addr()?;
    let sandbox = Arc::new(Sandbox::start().await);
    println!("\n  The sandbox is ready. Open  http://{address}  in a browser.\n");
    println!("  Sweep now, press Suspend in the channel, and watch the accounts. Ctrl-C ends it.\n");
    tokio::select! {
        served = sandbox::server::serve(Arc::clone(&sandbox), listener) => served?,
        _ = tokio::signal::ctrl_c() => {
            let _ = tokio::time::timeout(ENDS_WITHIN, sandbox.world.stop_bot()).await;
        }
    }
    Ok(())
}
