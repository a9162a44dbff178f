//! OTLP over gRPC with a real client and a real connection.

use std::sync::Arc;

use andon_columns::LinesSink;
use andon_ingest::{Authorize, logs_service, trace_service};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::codec::CompressionEncoding;
use tonic::transport::{Channel, Server};
use tonic::{Code, Request, Status};

use crate::memory_sink::MemorySink;

fn authorize() -> Authorize {
    Arc::new(|metadata| match metadata.get("authorization") {
        Some(token) if token == "Bearer good" => Ok(()),
        _ => Err(Status::unauthenticated("no token")),
    })
}

async fn connect(sink: Arc<MemorySink>) -> Channel {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = listener.local_addr().expect("an address");
    let sink: Arc<dyn LinesSink> = sink;
    let server = Server::builder()
        .add_service(logs_service(sink, authorize()))
        .add_service(trace_service(authorize()));
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    Channel::from_shared(format!("http://{address}"))
        .expect("an address")
        .connect()
        .await
        .expect("connected")
}

fn records(count: usize) -> ExportLogsServiceRequest {
    let log_records = vec![
        LogRecord {
            time_unix_nano: 1_000,
            ..LogRecord::default()
        };
        count
    ];
    let scope_logs = vec![ScopeLogs {
        log_records,
        ..ScopeLogs::default()
    }];
    ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            scope_logs,
            ..ResourceLogs::default()
        }],
    }
}

fn with_token<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request
        .metadata_mut()
        .insert("authorization", "Bearer good".parse().expect("a value"));
    request
}

#[tokio::test]
async fn records_arrive_plain_and_compressed_and_only_with_a_token() {
    let sink = Arc::new(MemorySink::default());
    let channel = connect(Arc::clone(&sink)).await;
    let mut client = LogsServiceClient::new(channel.clone());
    let refused = client.export(records(1)).await.expect_err("no token");
    assert_eq!(refused.code(), Code::Unauthenticated);
    assert!(sink.taken().is_empty());
    client.export(with_token(records(3))).await.expect("stored");
    assert_eq!(sink.taken().len(), 3);
    let mut client = LogsServiceClient::new(channel).send_compressed(CompressionEncoding::Gzip);
    client
        .export(with_token(records(200)))
        .await
        .expect("stored");
    assert_eq!(sink.taken().len(), 200);
}

#[tokio::test]
async fn a_full_store_is_unavailable_and_spans_are_visibly_refused() {
    let channel = connect(Arc::new(MemorySink::full_after(0))).await;
    let mut client = LogsServiceClient::new(channel.clone());
    let refused = client
        .export(with_token(records(1)))
        .await
        .expect_err("full");
    assert_eq!(refused.code(), Code::Unavailable);
    let scope_spans = vec![ScopeSpans {
        spans: vec![Span::default(); 2],
        ..ScopeSpans::default()
    }];
    let request = ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            scope_spans,
            ..ResourceSpans::default()
        }],
    };
    let told = TraceServiceClient::new(channel)
        .export(with_token(request))
        .await
        .expect("an answer")
        .into_inner();
    assert_eq!(
        told.partial_success
            .expect("a partial success")
            .rejected_spans,
        2
    );
}
