//! Log lines as columns.
