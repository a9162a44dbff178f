//! What people on call rely on when they rely on the store.

mod damage;
mod durability;
mod keeping;
mod reading;
mod world;
mod writing;
