//! `cargo run --example sandbox`: a make-believe Okta org and Slack workspace on this machine, the real bot between
//! them, and a page to play with all three.

#[path = "../fake/mod.rs"]
mod fake;
#[path = "mod.rs"]
mod sandbox;
#[path = "../support/mod.rs"]
mod support;

use std::sync::Arc;

use sandbox::Sandbox;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    tracing_subscriber::fmt().with_max_level(tracing::Level::WARN).with_writer(std::io::stderr).init();
    let sandbox = Arc::new(Sandbox::start().await);
    let port = std::env::args().nth(1).and_then(|port| port.parse().ok()).unwrap_or(0);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("\n  The sandbox is ready. Open  http://{}  in a browser.\n", listener.local_addr()?);
    println!("  Sweep now, press Suspend in the channel, and watch the accounts. Ctrl-C ends it.\n");
    tokio::select! {
        served = sandbox::server::serve(Arc::clone(&sandbox), listener) => served?,
        _ = tokio::signal::ctrl_c() => sandbox.world.stop_bot().await,
    }
    Ok(())
}
