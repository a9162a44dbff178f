//! What people on call rely on when they rely on the store.

mod archive;
mod damage;
mod deletion;
mod durability;
mod home;
mod keeping;
mod reading;
mod repairing;
mod streams;
mod world;
mod writing;
