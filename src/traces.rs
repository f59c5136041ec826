//! Traces over OTLP, if the program was built with the feature `otlp`: of each input, each row that is worked on, and each
//! call to Slack and Okta.
//!
//! Where they go is for OpenTelemetry's own variables to say, as for any other program; without
//! `OTEL_EXPORTER_OTLP_ENDPOINT` nothing is exported.
//! <https://opentelemetry.io/docs/specs/otel/protocol/exporter/>

use anyhow::Context;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::registry::LookupSpan;

/// Exports what is left when it is dropped.
pub struct Exporting(SdkTracerProvider);

impl Drop for Exporting {
    fn drop(&mut self) {
        if let Err(error) = self.0.shutdown() {
            eprintln!("inactive-contractors: the last traces are lost: {error}");
        }
    }
}

/// What takes spans and exports them, if anybody wants that. A rustls crypto provider must be installed.
pub fn layer<S>(wanted: bool) -> anyhow::Result<Option<(impl Layer<S>, Exporting)>>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    if !wanted {
        return Ok(None);
    }
    let exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .build()
        .context("traces can't be exported; look at the OTEL_ variables")?;
    let resource = Resource::builder().with_service_name("inactive-contractors").build();
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
    let tracer = provider.tracer("inactive-contractors");
    // The libraries below us have spans for each frame.
    let ours = Targets::new().with_target(env!("CARGO_CRATE_NAME"), LevelFilter::INFO);
    let spans = tracing_opentelemetry::layer().with_tracer(tracer).with_filter(ours);
    Ok(Some((spans, Exporting(provider))))
}
