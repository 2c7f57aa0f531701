//! How much memory a small manifest can make a run take. A program of its
//! own: what a child takes at most counts from what its parent holds.

mod world;

use std::{
    fs::{self, File},
    os::unix::fs::symlink,
};

use wait4::Wait4;
use world::{Key, SECRETS, World, secret};

const MIB: usize = 1 << 20;

/// What a run took and printed, in bytes, and what it said where it failed.
struct Taken {
    memory: usize,
    printed: usize,
    error: Option<String>,
}

/// Runs the plugin on `app/gen.yaml`, or on a ResourceList.
fn run(world: &World, stdin: Option<&str>) -> Taken {
    let plugin = world.path("plugin/viaduct.ai/v1/ksops/ksops");
    let mut command = world.command(&plugin, "app");
    match stdin {
        None => drop(command.arg("gen.yaml")),
        Some(file) => drop(command.stdin(File::open(world.path(file)).unwrap())),
    }
    let (stdout, stderr) = (world.path("stdout"), world.path("stderr"));
    command.stdout(File::create(&stdout).unwrap());
    command.stderr(File::create(&stderr).unwrap());
    let ended = command.spawn().unwrap().wait4().unwrap();
    let error = fs::read_to_string(stderr).unwrap();
    Taken {
        memory: usize::try_from(ended.rusage.maxrss).unwrap(),
        printed: usize::try_from(fs::metadata(stdout).unwrap().len()).unwrap(),
        error: (!ended.status.success()).then_some(error),
    }
}

/// At most 4 MiB, six times the largest file, and three times what is printed,
/// over what the program takes for nothing.
#[test]
fn a_render_has_a_budget() {
    let key = Key::new();
    let world = World::with_plugin(&key);
    let text = secret("big", "password", &"x".repeat(MIB));
    world.encrypt("app/a.yaml", &[&key], SECRETS, &text);
    drop(text);
    let size = fs::metadata(world.path("app/a.yaml")).unwrap().len();
    let size = usize::try_from(size).unwrap();
    fs::create_dir(world.path("app/many")).unwrap();
    for n in 0..2_000 {
        symlink("../a.yaml", world.path(&format!("app/many/{n}.yaml"))).unwrap();
    }
    let render = |manifest: &str| {
        world.write("app/gen.yaml", manifest);
        run(&world, None)
    };
    let base = render("files: []\n").memory;
    let check = |what: &str, taken: Taken, error: Option<&str>| {
        let most = base + 4 * MIB + 6 * size + 3 * taken.printed;
        println!(
            "{what}: {} of {most} bytes, {} printed",
            taken.memory, taken.printed
        );
        assert!(
            taken.memory <= most,
            "{what}: {} of {most} bytes",
            taken.memory
        );
        match (error, taken.error) {
            (None, None) => {}
            (Some(part), Some(error)) => assert!(error.contains(part), "{what}: {error}"),
            (_, error) => panic!("{what}: {error:?}"),
        }
    };
    let too_much = Some("more than 64 MiB would be rendered");

    for (count, error) in [(1, None), (50, None), (100, too_much), (1_000, too_much)] {
        let manifest = format!("files: [{}]\n", vec!["a.yaml"; count].join(","));
        check(&format!("{count} listings"), render(&manifest), error);
    }
    // Each link is the same file.
    let links = "files: ['many/?.yaml', 'many/1?.yaml', ./a.yaml]\n";
    check("21 links", render(links), None);
    check("2,000 links", render("files: ['many/*']\n"), too_much);
    let globs = vec!["'many/*'"; 400].join(",");
    let manifest = format!("files: [{globs}]\n");
    check(
        "400 globs",
        render(&manifest),
        Some("more than 10000 files"),
    );

    // Secrets of a generator, and generators of a ResourceList, together.
    for (count, error) in [(8, None), (25, too_much)] {
        let secrets = "- {files: [a=a.yaml, b=a.yaml], binaryFiles: [c=a.yaml]}\n".repeat(count);
        let manifest = format!("secretFrom:\n{secrets}");
        let mut taken = render(&manifest);
        // What was made until it was too much.
        if error.is_some() {
            taken.printed = 64 * MIB;
        }
        check(&format!("{count} Secrets"), taken, error);
    }
    for (count, error) in [(15, None), (40, too_much)] {
        let items = "- {kind: ksops, files: [a.yaml, ./a.yaml]}\n".repeat(count);
        world.write("list", format!("kind: ResourceList\nitems:\n{items}"));
        check(&format!("{count} items"), run(&world, Some("list")), error);
    }
}
