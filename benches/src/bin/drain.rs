//! The yardstick for big files: how long granit-parser 2.1 takes to go through
//! all events of a YAML file. Prints the median of so many runs, in
//! microseconds.
//!
//! ```sh
//! drain FILE [RUNS]
//! ```

use std::{error::Error, fs, hint::black_box, time::Instant};

use granit_parser::Parser;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let file = args.next().ok_or("usage: drain FILE [RUNS]")?;
    let runs: usize = args.next().map_or(Ok(15), |runs| runs.parse())?;
    let text = fs::read_to_string(file)?;
    let mut times = Vec::with_capacity(runs);
    for _ in 0..runs.max(1) {
        let start = Instant::now();
        let mut events = 0_u64;
        for event in Parser::new_from_str(&text) {
            black_box(event?);
            events += 1;
        }
        black_box(events);
        times.push(start.elapsed());
    }
    times.sort_unstable();
    println!("{}", times[times.len() / 2].as_micros());
    Ok(())
}
