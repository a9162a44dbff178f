//! OTLP over gRPC: the three services, for the server to mount.

use std::sync::Arc;

use andon_columns::LinesSink;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{
    LogsService, LogsServiceServer,
};
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message as _;
use tonic::codec::CompressionEncoding;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status};

use crate::aside::aside;
use crate::failure::IngestError;
use crate::limits;
use crate::otlp::lines_of;
use crate::otlp_http::{metrics_answer, rpc_code, trace_answer};

/// Decides by the metadata of a call whether it may write.
pub type Authorize = Arc<dyn Fn(&MetadataMap) -> Result<(), Status> + Send + Sync>;

struct Logs {
    sink: Arc<dyn LinesSink>,
    authorize: Authorize,
}

#[tonic::async_trait]
impl LogsService for Logs {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        (self.authorize)(request.metadata())?;
        let request = request.into_inner();
        let lines = aside(request.encoded_len(), || lines_of(request));
        match self.sink.append_lines(lines).await {
            Ok(_receipt) => Ok(Response::new(ExportLogsServiceResponse {
                partial_success: None,
            })),
            Err(error) => {
                let error = IngestError::from(error);
                Err(Status::new(rpc_code(error.status), error.line()))
            }
        }
    }
}

/// The logs service on a sink.
pub fn logs_service(
    sink: Arc<dyn LinesSink>,
    authorize: Authorize,
) -> LogsServiceServer<impl LogsService> {
    LogsServiceServer::new(Logs { sink, authorize })
        .accept_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Zstd)
        .max_decoding_message_size(limits::GRPC_BYTES)
}

struct Refusing {
    authorize: Authorize,
}

#[tonic::async_trait]
impl TraceService for Refusing {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        (self.authorize)(request.metadata())?;
        Ok(Response::new(trace_answer(&request.into_inner())))
    }
}

#[tonic::async_trait]
impl MetricsService for Refusing {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        (self.authorize)(request.metadata())?;
        Ok(Response::new(metrics_answer(&request.into_inner())))
    }
}

/// The trace service, which visibly refuses every span.
pub fn trace_service(authorize: Authorize) -> TraceServiceServer<impl TraceService> {
    TraceServiceServer::new(Refusing { authorize })
        .accept_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Zstd)
        .max_decoding_message_size(limits::GRPC_BYTES)
}

/// The metrics service, which visibly refuses every point.
pub fn metrics_service(authorize: Authorize) -> MetricsServiceServer<impl MetricsService> {
    MetricsServiceServer::new(Refusing { authorize })
        .accept_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Zstd)
        .max_decoding_message_size(limits::GRPC_BYTES)
}
