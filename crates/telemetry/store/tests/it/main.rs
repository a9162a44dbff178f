//! What people on call rely on when they rely on the store.

mod durability;
mod keeping;
mod reading;
mod world;
