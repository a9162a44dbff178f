//! OTLP over HTTP: bytes in, status and bytes out.

use andon_columns::LinesSink;
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::aside::aside;
use crate::content::{ContentEncoding, decode_body};
use crate::elements::{count_json, count_protobuf};
use crate::failure::{IngestError, code};
use crate::limits;
use crate::otlp::lines_of;

/// Said to senders of spans and metrics, so that nobody believes they are kept.
pub(crate) const NOT_STORED: &str = "not stored: this version of Andon keeps logs only; turn this exporter off or send it elsewhere";

/// How long a sender should wait before it tries again.
const RETRY_AFTER_S: u32 = 5;

/// A request as it came.
#[derive(Debug, Clone, Copy)]
pub struct OtlpRequest<'a> {
    /// Header `Content-Type`.
    pub content_type: Option<&'a str>,
    /// Header `Content-Encoding`.
    pub content_encoding: Option<&'a str>,
    /// The body, compressed as it came; reading it is bounded by the server.
    pub body: &'a [u8],
}

/// An answer to be sent as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtlpAnswer {
    /// HTTP status.
    pub status: u16,
    /// Header `Content-Type`.
    pub content_type: &'static str,
    /// Header `Retry-After`, seconds.
    pub retry_after_s: Option<u32>,
    /// The body.
    pub body: Vec<u8>,
    /// How many records were stored.
    pub accepted: u64,
    /// Why not, when not; also for the server's own log.
    pub error: Option<IngestError>,
}

/// The two encodings of OTLP over HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Protobuf,
    Json,
}

impl Format {
    fn of(content_type: Option<&str>) -> Result<Self, IngestError> {
        let essence = content_type
            .and_then(|value| value.split(';').next())
            .map(|value| value.trim().to_ascii_lowercase());
        match essence.as_deref() {
            Some("application/x-protobuf" | "application/protobuf") => Ok(Self::Protobuf),
            Some("application/json") => Ok(Self::Json),
            other => Err(IngestError::new(
                415,
                code::MEDIA_TYPE,
                format!(
                    "the content type `{}` is not OTLP",
                    other.unwrap_or("").chars().take(60).collect::<String>()
                ),
                "send application/x-protobuf or application/json",
            )),
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        }
    }

    fn encode<T: Message + Serialize>(self, message: &T) -> Vec<u8> {
        match self {
            Self::Protobuf => message.encode_to_vec(),
            Self::Json => serde_json::to_vec(message).unwrap_or_else(|_| b"{}".to_vec()),
        }
    }

    fn decode<T: Message + Default + DeserializeOwned>(
        self,
        body: &[u8],
    ) -> Result<T, IngestError> {
        let malformed = |what: String| {
            IngestError::new(
                400,
                code::OTLP_MALFORMED,
                what,
                "check that the exporter and the path belong to the same signal",
            )
        };
        match self {
            Self::Protobuf => T::decode(body)
                .map_err(|error| malformed(format!("the body is no OTLP protobuf: {error}"))),
            Self::Json => serde_json::from_slice(body)
                .map_err(|error| malformed(format!("the body is no OTLP JSON: {error}"))),
        }
    }
}

/// `google.rpc.Status`, as the specification asks for errors.
#[derive(Clone, PartialEq, Message, Serialize)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

pub(crate) fn rpc_code(status: u16) -> tonic::Code {
    match status {
        413 => tonic::Code::ResourceExhausted,
        503 => tonic::Code::Unavailable,
        500 => tonic::Code::Internal,
        _ => tonic::Code::InvalidArgument,
    }
}

fn refusal(format: Format, error: IngestError) -> OtlpAnswer {
    let status = RpcStatus {
        code: rpc_code(error.status).into(),
        message: error.line(),
    };
    OtlpAnswer {
        status: error.status,
        content_type: format.content_type(),
        retry_after_s: error.is_retryable().then_some(RETRY_AFTER_S),
        body: format.encode(&status),
        accepted: 0,
        error: Some(error),
    }
}

fn success<T: Message + Serialize>(format: Format, message: &T, accepted: u64) -> OtlpAnswer {
    OtlpAnswer {
        status: 200,
        content_type: format.content_type(),
        retry_after_s: None,
        body: format.encode(message),
        accepted,
        error: None,
    }
}

/// Reads the body as one signal's request.
fn read<T: Message + Default + DeserializeOwned>(
    format: Format,
    request: OtlpRequest<'_>,
) -> Result<T, IngestError> {
    let encoding = ContentEncoding::from_header(request.content_encoding)?;
    let body = decode_body(request.body, encoding, limits::OTLP_BYTES)?;
    let elements = match format {
        Format::Protobuf => count_protobuf(&body),
        Format::Json => count_json(&body),
    };
    if elements > limits::OTLP_ELEMENTS {
        return Err(IngestError::new(
            413,
            code::TOO_LARGE,
            format!(
                "the request has {elements} records and values, at most {} are read at once",
                limits::OTLP_ELEMENTS
            ),
            "send smaller batches",
        ));
    }
    format.decode(&body)
}

/// Answers `POST /v1/logs`.
pub async fn otlp_logs(sink: &dyn LinesSink, request: OtlpRequest<'_>) -> OtlpAnswer {
    let format = match Format::of(request.content_type) {
        Ok(format) => format,
        Err(error) => return refusal(Format::Json, error),
    };
    let read = aside(request.body.len(), || {
        read::<ExportLogsServiceRequest>(format, request).map(lines_of)
    });
    let lines = match read {
        Ok(lines) => lines,
        Err(error) => return refusal(format, error),
    };
    match sink.append_lines(lines).await {
        Ok(receipt) => success(
            format,
            &ExportLogsServiceResponse {
                partial_success: None,
            },
            receipt.rows,
        ),
        Err(error) => refusal(format, error.into()),
    }
}

/// Answers `POST /v1/traces`: spans are counted and visibly refused.
#[must_use]
pub fn otlp_traces(request: OtlpRequest<'_>) -> OtlpAnswer {
    let format = match Format::of(request.content_type) {
        Ok(format) => format,
        Err(error) => return refusal(Format::Json, error),
    };
    match read::<ExportTraceServiceRequest>(format, request) {
        Ok(request) => success(format, &trace_answer(&request), 0),
        Err(error) => refusal(format, error),
    }
}

/// Answers `POST /v1/metrics`: points are counted and visibly refused.
#[must_use]
pub fn otlp_metrics(request: OtlpRequest<'_>) -> OtlpAnswer {
    let format = match Format::of(request.content_type) {
        Ok(format) => format,
        Err(error) => return refusal(Format::Json, error),
    };
    match read::<ExportMetricsServiceRequest>(format, request) {
        Ok(request) => success(format, &metrics_answer(&request), 0),
        Err(error) => refusal(format, error),
    }
}

pub(crate) fn trace_answer(request: &ExportTraceServiceRequest) -> ExportTraceServiceResponse {
    let scopes = request
        .resource_spans
        .iter()
        .flat_map(|resource| &resource.scope_spans);
    let spans: usize = scopes.map(|scope| scope.spans.len()).sum();
    let refused = ExportTracePartialSuccess {
        rejected_spans: i64::try_from(spans).unwrap_or(i64::MAX),
        error_message: NOT_STORED.to_owned(),
    };
    ExportTraceServiceResponse {
        partial_success: (spans > 0).then_some(refused),
    }
}

pub(crate) fn metrics_answer(
    request: &ExportMetricsServiceRequest,
) -> ExportMetricsServiceResponse {
    use opentelemetry_proto::tonic::metrics::v1::metric::Data;
    let scopes = request
        .resource_metrics
        .iter()
        .flat_map(|resource| &resource.scope_metrics);
    let points: usize = scopes
        .flat_map(|scope| &scope.metrics)
        .map(|metric| match &metric.data {
            Some(Data::Gauge(data)) => data.data_points.len(),
            Some(Data::Sum(data)) => data.data_points.len(),
            Some(Data::Histogram(data)) => data.data_points.len(),
            Some(Data::ExponentialHistogram(data)) => data.data_points.len(),
            Some(Data::Summary(data)) => data.data_points.len(),
            None => 0,
        })
        .sum();
    let refused = ExportMetricsPartialSuccess {
        rejected_data_points: i64::try_from(points).unwrap_or(i64::MAX),
        error_message: NOT_STORED.to_owned(),
    };
    ExportMetricsServiceResponse {
        partial_success: (points > 0).then_some(refused),
    }
}
