#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| ksops_rs_fuzz::merge(data));
