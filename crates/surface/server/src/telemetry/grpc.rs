//! OTLP over gRPC. With the store in another process, the message passes through the server as bytes.

use std::sync::Arc;

use andon_api::Problem;
use andon_http::Service;
use andon_ingest::{OtlpRequest, Taken, limits, otlp_logs};
use andon_module::{BoxFuture, Call, Endpoint, Reply};
use andon_columns::LinesSink;
use andon_reader::ReaderError;
use andon_remote::Remote;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::routing::post;
use bytes::{Buf as _, BufMut as _, Bytes};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::server::{Grpc, UnaryService};
use tonic::{Code, Status};

use super::intake::{Intake, Row, about_grpc};
use super::telemetry;
use crate::inputs;

/// The path of the logs service.
const LOGS: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
/// The row that reads a message in the process that owns the store.
const ROW: &str = "otlp_grpc_logs";

type Answer = BoxFuture<'static, Result<Reply, Problem>>;

/// Makes the router of OTLP over gRPC; a call is admitted before its message is read.
pub(crate) fn router(service: Service, intake: &Intake) -> Router {
    let admitted: andon_ingest::Authorize = Arc::new(|_| Ok(()));
    let others = tonic::service::Routes::new(andon_ingest::trace_service(admitted.clone()))
        .add_service(andon_ingest::metrics_service(admitted.clone()));
    // Only the services' own paths: the router's fallback belongs to the UI.
    let routes = match intake {
        Intake::Here(sink) => others.add_service(andon_ingest::logs_service(sink.clone(), admitted)).into_axum_router().reset_fallback(),
        Intake::There(_) => others.into_axum_router().reset_fallback().route(LOGS, post(logs)),
    };
    let admit = move |request: Request, next: Next| {
        let service = service.clone();
        async move {
            match service.admit(request.headers(), "grpc", "telemetry.write").await {
                Ok(_) => next.run(request).await,
                Err(problem) => refusal(&problem),
            }
        }
    };
    routes.route_layer(from_fn(admit))
}

fn refusal(problem: &Problem) -> Response<Body> {
    let code = match problem.status {
        401 => Code::Unauthenticated,
        403 => Code::PermissionDenied,
        _ => Code::Unavailable,
    };
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert("grpc-status", HeaderValue::from(i32::from(code)));
    if let Ok(message) = HeaderValue::from_str(&format!("{} {}", problem.code, problem.detail)) {
        headers.insert("grpc-message", message);
    }
    response
}

async fn logs(request: Request) -> Response<Body> {
    let mut grpc = Grpc::new(Untouched)
        .accept_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Zstd)
        .max_decoding_message_size(limits::GRPC_BYTES);
    grpc.unary(PassOn, request).await.map(Body::new)
}

/// Messages as the bytes that they are.
struct Untouched;

impl Codec for Untouched {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Untouched {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.put(item);
        Ok(())
    }
}

impl Decoder for Untouched {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}

#[derive(Clone)]
struct PassOn;

impl UnaryService<Bytes> for PassOn {
    type Response = Bytes;
    type Future = BoxFuture<'static, Result<tonic::Response<Bytes>, Status>>;

    fn call(&mut self, request: tonic::Request<Bytes>) -> Self::Future {
        Box::pin(async move {
            match &telemetry().map_err(|problem| Status::unavailable(problem.detail))?.intake {
                Intake::There(remote) => pass_on(remote, request.into_inner()).await,
                Intake::Here(_) => Err(Status::internal("the store is in this process")),
            }
        })
    }
}

async fn pass_on(remote: &Remote, message: Bytes) -> Result<tonic::Response<Bytes>, Status> {
    let unavailable = |error: ReaderError| Status::unavailable(format!("{}: {}", error.code, error.message));
    let mut headers = HeaderMap::new();
    about_grpc(ROW, message.len(), &mut headers).map_err(|problem| Status::internal(problem.detail))?;
    let body = futures::stream::once(async move { Ok::<_, std::io::Error>(message) });
    let relayed = remote.relay(Method::POST, &format!("/intake/{ROW}"), headers, body).await.map_err(unavailable)?;
    if relayed.status == StatusCode::OK.as_u16() {
        return Ok(tonic::Response::new(relayed.body));
    }
    let code = match relayed.status {
        413 => Code::ResourceExhausted,
        503 => Code::Unavailable,
        500 => Code::Internal,
        _ => Code::InvalidArgument,
    };
    Err(Status::new(code, String::from_utf8_lossy(&relayed.body)))
}

/// The row that reads such a message in the process that owns the store.
pub(crate) fn row() -> Row {
    Row { endpoint: Endpoint::post(LOGS, ROW).permission("telemetry.write").hidden(), whole_body_bytes: Some(limits::GRPC_BYTES), take, refuse }
}

fn take(sink: Arc<dyn LinesSink>, call: Call) -> Answer {
    Box::pin(async move {
        let request = OtlpRequest { content_type: Some("application/x-protobuf"), content_encoding: None, body: &call.body };
        let answer = otlp_logs(sink.as_ref(), request).await;
        let taken = Taken { rows: answer.accepted, bytes: call.body.len() as u64, ..Taken::default() };
        let refused = answer.error.as_ref().map(|error| (error.code.as_str(), error.message.as_str(), 1));
        inputs::count("otlp-grpc", &call, taken, refused);
        let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Ok(match answer.error {
            None => Reply::bytes(status, answer.content_type, answer.body),
            Some(error) => Reply::bytes(status, "text/plain", error.line()),
        })
    })
}

fn refuse(_call: Call, error: ReaderError) -> Answer {
    Box::pin(async move { Ok(Reply::bytes(StatusCode::SERVICE_UNAVAILABLE, "text/plain", format!("{}: {}", error.code, error.message))) })
}
