//! The engine: sessions, threads, limits.

use std::sync::Arc;
use std::time::{Duration, Instant};

use andon_reader::query::Filter;
use andon_reader::{Caller, Column, ReaderError, SqlLimits, SqlResult, SqlRunner, TableSource};
use andon_store::{Interval, LogStore, log_schema};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::execution::context::{SessionConfig, SessionContext};
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::GreedyMemoryPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use futures::StreamExt as _;
use futures::future::BoxFuture;
use tokio::runtime::{Handle, Runtime};
use tokio::sync::Semaphore;

use crate::attribute::{attr, attr_number};
use crate::failure::{from_engine, internal, memory, timeout};
use crate::lent_table::LentTable;
use crate::logs_table::{self, LogsTable, Notes};
use crate::results::{append_rows, columns_of};
use crate::rewrite::rules;
use crate::statement::{ParseFailure, check_plan, check_tables, parse};

/// Threads of the engine.
const THREADS: usize = 2;
/// Statements that run at the same time; others wait within their own time limit.
const STATEMENTS: usize = 4;
/// How long after its time limit a statement is waited for.
const GRACE: Duration = Duration::from_secs(1);
/// Functions that make large values from small ones.
const WITHHELD: [&str; 4] = ["range", "generate_series", "array_repeat", "array_resize"];

/// Runs SQL over logs and lent tables on threads of its own.
pub struct SqlEngine {
    shared: Arc<Shared>,
    runtime: Option<Runtime>,
}

struct Shared {
    store: Arc<LogStore>,
    sources: Vec<Arc<dyn TableSource>>,
    turns: Semaphore,
}

impl SqlEngine {
    /// Starts an engine over a store and lent tables.
    ///
    /// # Errors
    /// When its threads cannot be started, or two tables have one name.
    pub fn new(
        store: Arc<LogStore>,
        sources: Vec<Arc<dyn TableSource>>,
    ) -> Result<Self, ReaderError> {
        let mut names: Vec<&str> = sources
            .iter()
            .map(|source| source.name())
            .chain([logs_table::NAME])
            .collect();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(internal(&format!("two tables are called {}", pair[0])));
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("andon-sql")
            .enable_all()
            .build()
            .map_err(|error| internal(&error))?;
        let shared = Shared {
            store,
            sources,
            turns: Semaphore::new(STATEMENTS),
        };
        Ok(Self {
            shared: Arc::new(shared),
            runtime: Some(runtime),
        })
    }
}

impl Drop for SqlEngine {
    fn drop(&mut self) {
        // A runtime may not wait for its threads inside another runtime.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl SqlRunner for SqlEngine {
    fn run(
        &self,
        sql: String,
        caller: Caller,
        limits: SqlLimits,
    ) -> BoxFuture<'_, Result<SqlResult, ReaderError>> {
        Box::pin(async move {
            let runtime = self
                .runtime
                .as_ref()
                .ok_or_else(|| internal(&"it is shut down"))?;
            let shared = Arc::clone(&self.shared);
            let home = Handle::try_current().unwrap_or_else(|_| runtime.handle().clone());
            let asking = Asking {
                caller,
                limits,
                home,
            };
            let time = Duration::from_millis(limits.timeout_ms);
            let work = async move {
                let done = tokio::time::timeout(time, shared.run(sql, asking)).await;
                done.unwrap_or_else(|_| Err(timeout(&limits)))
            };
            let mut task = AbortOnDrop(runtime.spawn(work));
            // Also ends the wait for a step that does not look at the clock.
            match tokio::time::timeout(time + GRACE, &mut task.0).await {
                Ok(done) => done.map_err(|error| internal(&error))?,
                Err(_) => Err(timeout(&limits)),
            }
        })
    }

    fn tables(&self, caller: &Caller) -> Vec<(String, Vec<Column>)> {
        let logs = (logs_table::NAME.to_owned(), columns_of(&log_schema()));
        let lent = self
            .shared
            .sources
            .iter()
            .map(|source| (source.name().to_owned(), source.columns()));
        let mut tables: Vec<_> = lent
            .chain([logs])
            .filter(|(name, _)| caller.may_read(name))
            .collect();
        tables.sort_by(|a, b| a.0.cmp(&b.0));
        tables
    }
}

/// Who asks, within which limits, and where lent tables are read: on the threads of the caller,
/// because connections belong to the runtime that opened them.
struct Asking {
    caller: Caller,
    limits: SqlLimits,
    home: Handle,
}

struct AbortOnDrop<T>(tokio::task::JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Shared {
    async fn run(&self, sql: String, asking: Asking) -> Result<SqlResult, ReaderError> {
        let Asking { caller, limits, .. } = &asking;
        let start = Instant::now();
        let _turn = self
            .turns
            .acquire()
            .await
            .map_err(|error| internal(&error))?;
        let statement = parse(&sql).map_err(|failure| match failure {
            ParseFailure::Known(error) => error,
            ParseFailure::Engine(error) => from_engine(&error, limits),
        })?;
        let notes = Notes::default();
        let context = self.session(&asking, &notes)?;
        let state = context.state();
        check_tables(&state, &statement, &self.names(), caller)?;
        let engine = |error| from_engine(&error, limits);
        let plan = state.statement_to_plan(statement).await.map_err(engine)?;
        check_plan(&plan)?;
        let plan = state.create_physical_plan(&plan).await.map_err(engine)?;
        let plan = cooperative(plan).map_err(engine)?;
        let mut result = SqlResult {
            columns: columns_of(&plan.schema()),
            rows: Vec::new(),
            truncated: false,
            elapsed_us: 0,
            notes: Vec::new(),
        };
        let mut batches = execute_stream(plan, context.task_ctx()).map_err(engine)?;
        let mut bytes = 0;
        while let Some(batch) = batches.next().await {
            let batch = batch.map_err(engine)?;
            let room = limits.rows.saturating_sub(result.rows.len());
            let kept = batch.slice(0, batch.num_rows().min(room));
            bytes += weight(&kept);
            if bytes > limits.memory_bytes {
                return Err(memory(limits));
            }
            append_rows(&kept, room, &mut result.rows)?;
            if batch.num_rows() > room {
                result.truncated = true;
                break;
            }
        }
        result.notes = notes.list();
        result.elapsed_us = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
        Ok(result)
    }

    fn names(&self) -> Vec<String> {
        let lent = self.sources.iter().map(|source| source.name().to_owned());
        lent.chain([logs_table::NAME.to_owned()]).collect()
    }

    /// A session of its own for each statement: its tables, its memory, nothing shared.
    fn session(&self, asking: &Asking, notes: &Notes) -> Result<SessionContext, ReaderError> {
        let config = SessionConfig::new()
            .with_information_schema(true)
            .with_target_partitions(THREADS)
            .with_batch_size(8_192);
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(GreedyMemoryPool::new(asking.limits.memory_bytes)))
            .with_disk_manager_builder(
                DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled),
            )
            .build_arc()
            .map_err(|error| internal(&error))?;
        let state = SessionStateBuilder::new()
            .with_config(config)
            .with_runtime_env(runtime)
            .with_default_features()
            .with_physical_optimizer_rules(rules())
            .build();
        let context = SessionContext::new_with_state(state);
        for name in WITHHELD {
            context.deregister_udf(name);
        }
        context.register_udf(attr());
        context.register_udf(attr_number());
        self.add_tables(&context, asking, notes)?;
        Ok(context)
    }

    fn add_tables(
        &self,
        context: &SessionContext,
        asking: &Asking,
        notes: &Notes,
    ) -> Result<(), ReaderError> {
        let Asking {
            caller,
            limits,
            home,
        } = asking;
        if caller.may_read(logs_table::NAME) {
            let snapshot = self
                .store
                .sql_snapshot(Filter::parse("*")?, Interval::ALWAYS);
            context
                .register_table(logs_table::NAME, Arc::new(LogsTable::new(snapshot, notes.clone())))
                .map_err(|error| internal(&error))?;
        }
        for source in &self.sources {
            if caller.may_read(source.name()) {
                let table = LentTable::new(
                    Arc::clone(source),
                    caller.clone(),
                    limits.memory_bytes,
                    home.clone(),
                );
                context
                    .register_table(source.name(), Arc::new(table))
                    .map_err(|error| internal(&error))?;
            }
        }
        Ok(())
    }
}

/// Makes every join let others run now and then: one input batch of a join can mean minutes of
/// output, and a step that never pauses can neither be timed out nor cancelled.
fn cooperative(plan: Arc<dyn ExecutionPlan>) -> datafusion::common::Result<Arc<dyn ExecutionPlan>> {
    let paused = plan.transform_up(|node| {
        let is_join = node.name().ends_with("JoinExec") || node.name() == "UnnestExec";
        Ok(if is_join {
            Transformed::yes(Arc::new(CooperativeExec::new(node)) as Arc<dyn ExecutionPlan>)
        } else {
            Transformed::no(node)
        })
    })?;
    Ok(paused.data)
}

/// Memory that the rows of a batch will take, not counting what its arrays share with others.
fn weight(batch: &arrow::array::RecordBatch) -> usize {
    use arrow::array::{Array, AsArray};
    use arrow::datatypes::DataType;
    let column = |array: &arrow::array::ArrayRef| match array.data_type() {
        DataType::Utf8View => array
            .as_string_view()
            .iter()
            .flatten()
            .map(|text| 32 + text.len())
            .sum(),
        DataType::Utf8 => array
            .as_string::<i32>()
            .iter()
            .flatten()
            .map(|text| 32 + text.len())
            .sum(),
        DataType::LargeUtf8 => array
            .as_string::<i64>()
            .iter()
            .flatten()
            .map(|text| 32 + text.len())
            .sum(),
        _ => array.len() * 32,
    };
    batch.columns().iter().map(column).sum()
}
