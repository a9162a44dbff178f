//! Delivery's own plain tables: commits, keys, webhooks. None of them is an object: nobody edits them,
//! and a hundred thousand commits need neither versions nor names.

use andon_objects::Migration;

/// The tables.
pub(crate) const MIGRATIONS: &[Migration] = &[Migration {
    id: "delivery-0001-commits-keys-hooks",
    sql: "
CREATE TABLE delivery_repository (
  id BIGINT PRIMARY KEY, address TEXT NOT NULL UNIQUE, service TEXT,
  revision BIGINT NOT NULL, counted BIGINT NOT NULL, created_at BIGINT NOT NULL);
CREATE INDEX delivery_repository_service ON delivery_repository (service);
CREATE TABLE delivery_commit (
  repository BIGINT NOT NULL, sha TEXT NOT NULL, parents TEXT NOT NULL, author TEXT NOT NULL, email TEXT NOT NULL,
  authored_at BIGINT NOT NULL, committed_at BIGINT NOT NULL, subject TEXT NOT NULL, provisional BIGINT NOT NULL,
  PRIMARY KEY (repository, sha));
CREATE INDEX delivery_commit_sha ON delivery_commit (sha);
CREATE TABLE delivery_change_key (
  id TEXT PRIMARY KEY, digest TEXT NOT NULL, change_name TEXT NOT NULL, at BIGINT NOT NULL);
CREATE TABLE delivery_line (
  service TEXT NOT NULL, environment TEXT NOT NULL, revision BIGINT NOT NULL, PRIMARY KEY (service, environment));
CREATE TABLE delivery_open_andon (scope TEXT PRIMARY KEY, andon TEXT NOT NULL);
CREATE TABLE delivery_reminder (andon TEXT PRIMARY KEY, at BIGINT NOT NULL);
CREATE TABLE delivery_hook (
  source TEXT PRIMARY KEY, forge TEXT NOT NULL, secret TEXT NOT NULL, service TEXT NOT NULL, updated_at BIGINT NOT NULL);
CREATE TABLE delivery_hook_seen (
  source TEXT NOT NULL, delivery TEXT NOT NULL, at BIGINT NOT NULL, PRIMARY KEY (source, delivery));
CREATE TABLE delivery_hook_refusal (
  source TEXT NOT NULL, minute BIGINT NOT NULL, count BIGINT NOT NULL, PRIMARY KEY (source, minute))
",
}];
