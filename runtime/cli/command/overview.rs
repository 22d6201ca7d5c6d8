//! `sswe` alone: the state of this folder's pipeline, and what to do next.

use clap::CommandFactory;

use crate::{
    Failure,
    args::{Args, Compile},
    exit, load, render, style,
};

pub(crate) fn run() -> Result<u8, Failure> {
    let mut files = load::in_folder()?;
    files.sort();
    if files.is_empty() {
        let mut help = Args::command();
        style::print(&format!("{}\n", help.render_help()));
        style::say(format_args!("this folder has no .sswe file; next: {}", style::bold("sswe init")));
        return Ok(exit::OK);
    }
    let mut out = String::new();
    let mut next = None;
    for path in &files {
        let name = path.display();
        let (state, wants) = match load::open(path, &Compile::default()) {
            Ok(opened) => {
                let found = opened.diagnostics();
                let plans = sswe_compiler::plan::plans(&opened.db, opened.project);
                if render::has_errors(&found) {
                    (render::counts(&found), format!("sswe check {name}"))
                } else if plans.is_empty() {
                    (format!("a library; {}", render::counts(&found)), format!("sswe check {name}"))
                } else {
                    let stages: Vec<String> = plans
                        .iter()
                        .map(|plan| {
                            format!(
                                "{}: {} stages in {} rounds",
                                plan.curriculum,
                                plan.stages.len(),
                                plan.rounds
                            )
                        })
                        .collect();
                    (
                        format!("{}; {}", stages.join(", "), render::counts(&found)),
                        format!("sswe plan {name}"),
                    )
                }
            }
            Err(unread) => (unread.message.clone(), format!("sswe check {name}")),
        };
        out.push_str(&format!("{}  {state}\n", style::bold(&name.to_string())));
        next.get_or_insert(wants);
    }
    style::print(&out);
    if let Some(next) = next {
        style::print(&format!("next: {}\n", style::bold(&next)));
    }
    Ok(exit::OK)
}
