//! `sswe completions` and `sswe man`

use clap::{CommandFactory, builder::PossibleValuesParser};
use sswe_compiler::{diagnostic::Code, schema};

use crate::{
    Failure,
    args::{Args, Completions, Man},
    exit, style,
};

pub(crate) fn completions(args: &Completions) -> Result<u8, Failure> {
    let codes = Code::ALL.iter().map(|code| code.as_str().to_owned());
    let names = Code::ALL.iter().map(|code| code.name().to_owned());
    let keys = schema::all_keys().into_iter().map(|(path, ..)| path);
    let known: Vec<String> = codes.chain(names).chain(keys).collect();
    // `explain` completes from the same table that it prints.
    let mut command = Args::command().mut_subcommand("explain", |explain| {
        explain.mut_arg("what", |what| what.value_parser(PossibleValuesParser::new(known)))
    });
    let mut out = Vec::new();
    clap_complete::generate(args.shell, &mut command, "sswe", &mut out);
    style::print(&String::from_utf8_lossy(&out));
    Ok(exit::OK)
}

pub(crate) fn man(args: &Man) -> Result<u8, Failure> {
    let Some(folder) = &args.dir else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Args::command())
            .render(&mut page)
            .map_err(|error| Failure::file(format!("cannot write the manual page: {error}")))?;
        style::print(&String::from_utf8_lossy(&page));
        return Ok(exit::OK);
    };
    std::fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(Args::command(), folder))
        .map_err(|error| {
            Failure::file(format!("cannot write manual pages to `{}`: {error}", folder.display()))
        })?;
    style::say(format_args!("wrote the manual pages to {}", folder.display()));
    Ok(exit::OK)
}
