//! What happens to every call, whichever the provider and the endpoint: it is recorded, passes the gate, fails if a
//! fault waits for it, counts against a rate limit, is admitted or refused, and is answered with the provider's
//! headers.

use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::header;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use tokio::net::TcpListener;

use super::connection::{BreakableListener, Connection};
use super::control::{Call, Control};
use super::damage;
use super::faults::Fault;
use super::wire::gateway_page;

/// The facts about a call that the pipeline needs after the request is gone.
#[derive(Clone)]
pub struct Route {
    pub method: String,
    pub path: String,
    /// `/api/v1/users/{id}`; the path itself where no endpoint is.
    pub template: String,
    /// What the provider calls the call.
    pub request_id: String,
}

/// What one provider does in the pipeline.
pub trait Provider: Send + Sync + 'static {
    /// What the gate's labels begin with: `okta METHOD /path/{template}`.
    const NAME: &'static str;
    /// The parameter of a query that names a page.
    const CURSOR: &'static str;
    /// What the count of one call says.
    type Allowance: Send;

    fn control(&self) -> &Control;

    fn new_request_id() -> String;

    /// The call is here; whether it will fail isn't known yet.
    fn arrived(&self, route: &Route);

    /// Counts the call against the limits.
    fn count(&self, route: &Route, request: &Request) -> Self::Allowance;

    /// The request with its caller, or the response that refuses it.
    fn admit(
        &self,
        route: &Route,
        request: Request,
        allowance: &Self::Allowance,
    ) -> Result<Request, Box<Response>>;

    /// The refusal that a `Fault::Status`, `Fault::RateLimited` or `Fault::Concurrency` asks for.
    fn refuse(&self, route: &Route, fault: &Fault, allowance: &mut Self::Allowance) -> Response;

    /// The response without the link to the next page.
    fn without_links(response: Response) -> impl Future<Output = Response> + Send;

    /// The response as it leaves: with the headers that every response carries.
    fn finish(&self, route: &Route, response: Response, allowance: Self::Allowance) -> Response;
}

/// Serves the endpoints on the socket until the runtime ends.
pub fn serve_on<P: Provider>(listener: TcpListener, provider: &Arc<P>, endpoints: Router<Arc<P>>) {
    let pipeline = from_fn_with_state(Arc::clone(provider), pass::<P>);
    let router: Router = endpoints.layer(pipeline).with_state(Arc::clone(provider));
    let service = router.into_make_service_with_connect_info::<Connection>();
    tokio::spawn(async move { axum::serve(BreakableListener(listener), service).await });
}

async fn pass<P: Provider>(
    State(provider): State<Arc<P>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    matched: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path().to_owned();
    let template = matched.map_or_else(|| path.clone(), |matched| matched.as_str().to_owned());
    let method = request.method().to_string();
    let route = Route { method, path, template, request_id: P::new_request_id() };
    let control = provider.control();
    let fault = arrive(&*provider, &route, &request);
    let label = format!("{} {} {}", P::NAME, route.method, route.template);
    let effect = answer(&*provider, &connection, &route, fault, request, next);
    let response = control.gate.pass(&label, effect).await;
    control.changed();
    response
}

fn arrive<P: Provider>(provider: &P, route: &Route, request: &Request) -> Option<Fault> {
    let pairs = url::form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes());
    let query = pairs.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
    let user_agent = request.headers().get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    provider.arrived(route);
    provider.control().arrived(Call {
        method: route.method.clone(),
        path: route.path.clone(),
        query,
        user_agent: user_agent.map(str::to_owned),
        at: provider.control().now(),
        request_id: route.request_id.clone(),
    })
}

async fn answer<P: Provider>(
    provider: &P,
    connection: &Connection,
    route: &Route,
    fault: Option<Fault>,
    request: Request,
    next: Next,
) -> Response {
    let Some(fault) = fault else { return serve(provider, route, request, next).await };
    match fault {
        Fault::Hang => std::future::pending().await,
        Fault::DropBefore => {
            connection.break_off();
            Response::default()
        }
        Fault::LostResponse => {
            serve(provider, route, request, next).await;
            connection.break_off();
            Response::default()
        }
        Fault::BrokenBody => {
            damage::cut(serve(provider, route, request, next).await, connection, Connection::break_off).await
        }
        Fault::Reset => {
            damage::cut(serve(provider, route, request, next).await, connection, Connection::reset).await
        }
        Fault::Drip(over) => damage::drip(serve(provider, route, request, next).await, over).await,
        Fault::CutJson => damage::halve(serve(provider, route, request, next).await).await,
        Fault::Garbled => damage::garble(serve(provider, route, request, next).await).await,
        Fault::NoLinks => P::without_links(serve(provider, route, request, next).await).await,
        Fault::FirstPageAgain => {
            serve(provider, route, damage::without_cursor(request, P::CURSOR), next).await
        }
        Fault::BareRateLimit { retry_after_s } => damage::bare_rate_limit(retry_after_s),
        Fault::Html(status) => {
            let allowance = provider.count(route, &request);
            provider.finish(route, gateway_page(status), allowance)
        }
        Fault::Status(..) | Fault::RateLimited { .. } | Fault::Concurrency => {
            let mut allowance = provider.count(route, &request);
            let refusal = provider.refuse(route, &fault, &mut allowance);
            provider.finish(route, refusal, allowance)
        }
    }
}

/// The call as it goes when no fault waits for it.
async fn serve<P: Provider>(provider: &P, route: &Route, request: Request, next: Next) -> Response {
    let allowance = provider.count(route, &request);
    let response = match provider.admit(route, request, &allowance) {
        Ok(request) => next.run(request).await,
        Err(refusal) => *refusal,
    };
    provider.finish(route, response, allowance)
}
