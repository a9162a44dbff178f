//! The worker process by itself, for tests and for embedding; the server starts itself instead.

fn main() -> std::io::Result<()> {
    andon_governance::run_policy_worker()
}
