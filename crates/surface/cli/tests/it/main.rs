//! What people and scripts rely on at a prompt: help texts, exit codes, the form of the output.

mod help;
mod imports;
mod runs;
