//! Response: who is on call, whom an alert pages, and the incident that comes of it.

pub mod alertmanager;
pub mod escalation;
pub mod limits;
pub mod oncall;
pub mod suspects;
