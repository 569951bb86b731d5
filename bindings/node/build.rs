//! Has the linker leave what Node brings for Node to fill in.

fn main() {
    napi_build::setup();
}
