//! Signals: alarms over telemetry.
//!
//! Purpose: asks each alarm's question of closed windows of received time and announces changes of
//! state as events (`alarm.fired`, `alarm.resolved`, `alarm.unknown`).
//!
//! Invariants: one leased evaluator per alarm; incomplete data is `unknown`, never fine and never
//! zero; evaluations live in a plain table, only changes of state are events.
//!
//! Absent: alerts, paging and the andon, which listen to the events.

mod check;
pub mod decide;
mod explain;
pub mod limits;
pub mod window;
