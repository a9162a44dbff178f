//! Tells the compiler to look again when the web UI has been built anew.

fn main() {
    println!("cargo:rerun-if-changed=../../../ui/dist/index.html");
    println!("cargo:rerun-if-changed=../../../ui/dist");
}
