//! Finds NVRTC, NVIDIA's compiler of kernels, and compiles ours with it.
//!
//! It is looked for in this order: the folder or file that `SSWE_NVRTC` names (and then nowhere else);
//! where the system's loader looks; in the environment of Python that is active, and in the packages of
//! the user and the machine, where `pip install nvidia-cuda-nvrtc` puts it; `/usr/local/cuda/lib64`.

use std::{
    env,
    ffi::{CStr, CString, c_char, c_int, c_void},
    fs,
    mem::{self, ManuallyDrop},
    path::{Path, PathBuf},
    ptr,
};

use libloading::{Library, Symbol};

use super::{Error, Missing, SOURCE};
use crate::Dtype;

/// The names that the system's loader is asked for: the newest that is known first.
const NAMES: [&str; 3] = ["libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"];

/// Folders of wheels inside a folder of Python packages: of CUDA 13 and of CUDA 12.
const WHEELS: [&str; 2] = ["nvidia/cu13/lib", "nvidia/cuda_nvrtc/lib"];

/// What code is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Text for any device of this architecture or a later one.
    Ptx(i32, i32),
    /// Code that a device of this architecture runs as it is. Devices get this: a driver refuses PTX
    /// that is newer than itself.
    Cubin(i32, i32),
}

/// What NVRTC made.
#[derive(Clone, Debug)]
pub struct Code {
    /// The text or code, as asked for.
    pub bytes: Vec<u8>,
    /// What it said: for code, the registers and spills of each kernel.
    pub log: String,
}

/// NVRTC, loaded.
#[derive(Debug)]
pub struct Nvrtc {
    // Never closed: it leaves handlers behind that run when the process ends.
    library: ManuallyDrop<Library>,
    place: PathBuf,
}

/// The handle of a program being compiled.
type Program = *mut c_void;
type Read = unsafe extern "C" fn(Program, *mut c_char) -> c_int;
type Size = unsafe extern "C" fn(Program, *mut usize) -> c_int;

impl Nvrtc {
    /// Loads the first that is found.
    pub fn find() -> Result<Nvrtc, Missing> {
        let asked = env::var_os("SSWE_NVRTC").map(PathBuf::from);
        let places = asked.map_or_else(places, |place| vec![place]);
        places.iter().find_map(|place| load(place)).ok_or(Missing::Compiler(places))
    }

    /// Returns where it was found.
    pub fn place(&self) -> &Path {
        &self.place
    }

    /// Compiles the kernels for rows of a type.
    pub fn compile(&self, dtype: Dtype, target: Target) -> Result<Code, Error> {
        self.compile_source(SOURCE, dtype, target)
    }

    /// Compiles what stands in place of the kernels: tests do, to see that a slip is found.
    pub fn compile_source(&self, source: &str, dtype: Dtype, target: Target) -> Result<Code, Error> {
        let row = match dtype {
            Dtype::F32 => "F32",
            Dtype::Bf16 => "Bf16",
            Dtype::F16 => "F16",
            Dtype::Int8 => "Int8",
        };
        let (name, verbose, size, read): (_, _, &[u8], &[u8]) = match target {
            Target::Ptx(major, minor) => {
                (format!("compute_{major}{minor}"), None, b"nvrtcGetPTXSize", b"nvrtcGetPTX")
            }
            Target::Cubin(major, minor) => (
                format!("sm_{major}{minor}"),
                Some("--ptxas-options=-v"),
                b"nvrtcGetCUBINSize",
                b"nvrtcGetCUBIN",
            ),
        };
        let architecture = format!("--gpu-architecture={name}");
        let define = format!("--define-macro=ROW={row}");
        // Roundings are in the source already; the flag says so to readers of the options, too.
        let mut options = vec![architecture.as_str(), define.as_str(), "--std=c++17", "--fmad=false"];
        options.extend(verbose);
        // SAFETY: names and signatures are those of NVRTC's documented C interface, since version 11.
        unsafe { self.run(source, &options, size, read) }.map_err(|log| Error::Compile { target: name, log })
    }

    unsafe fn run(&self, source: &str, options: &[&str], size: &[u8], read: &[u8]) -> Result<Code, String> {
        type Create = unsafe extern "C" fn(
            *mut Program,
            *const c_char,
            *const c_char,
            c_int,
            *const *const c_char,
            *const *const c_char,
        ) -> c_int;
        type Compile = unsafe extern "C" fn(Program, c_int, *const *const c_char) -> c_int;
        type Destroy = unsafe extern "C" fn(*mut Program) -> c_int;
        let text = |text: &str| CString::new(text).map_err(|error| error.to_string());
        let source = text(source)?;
        let options = options.iter().map(|option| text(option)).collect::<Result<Vec<_>, _>>()?;
        let options: Vec<*const c_char> = options.iter().map(|option| option.as_ptr()).collect();
        // SAFETY: every pointer is to a C string or a place that outlives the call, and each symbol has
        // the type under which the library declares it.
        unsafe {
            let create: Symbol<'_, Create> = self.symbol(b"nvrtcCreateProgram")?;
            let compile: Symbol<'_, Compile> = self.symbol(b"nvrtcCompileProgram")?;
            let destroy: Symbol<'_, Destroy> = self.symbol(b"nvrtcDestroyProgram")?;
            let mut program = ptr::null_mut();
            self.check(create(
                &mut program,
                source.as_ptr(),
                c"align.cu".as_ptr(),
                0,
                ptr::null(),
                ptr::null(),
            ))?;
            let compiled = self.check(compile(program, options.len() as c_int, options.as_ptr()));
            let log = self
                .read(program, b"nvrtcGetProgramLogSize", b"nvrtcGetProgramLog")
                .map(|log| String::from_utf8_lossy(&log).trim_end_matches('\0').to_owned());
            let code = match compiled {
                Ok(()) => self.read(program, size, read),
                Err(why) => Err(format!("{why}\n{}", log.as_deref().unwrap_or_default())),
            };
            destroy(&mut program);
            Ok(Code { bytes: code?, log: log? })
        }
    }

    unsafe fn read(&self, program: Program, size: &[u8], read: &[u8]) -> Result<Vec<u8>, String> {
        // SAFETY: the first function says how many bytes the second one writes.
        unsafe {
            let mut length = 0;
            self.check(self.symbol::<Size>(size)?(program, &mut length))?;
            let mut bytes = vec![0u8; length];
            self.check(self.symbol::<Read>(read)?(program, bytes.as_mut_ptr().cast()))?;
            Ok(bytes)
        }
    }

    unsafe fn symbol<T>(&self, name: &[u8]) -> Result<Symbol<'_, T>, String> {
        // SAFETY: the caller names the type under which the library declares it.
        unsafe { self.library.get(name) }.map_err(|error| format!("{}: {error}", self.place.display()))
    }

    fn check(&self, code: c_int) -> Result<(), String> {
        if code == 0 {
            return Ok(());
        }
        // SAFETY: the function returns a string that lives as long as the library.
        unsafe {
            let name: Symbol<'_, unsafe extern "C" fn(c_int) -> *const c_char> =
                self.symbol(b"nvrtcGetErrorString")?;
            Err(CStr::from_ptr(name(code)).to_string_lossy().into_owned())
        }
    }
}

/// Returns where NVRTC may be: names for the system's loader, and folders.
fn places() -> Vec<PathBuf> {
    let variable = |name| env::var_os(name).map(PathBuf::from);
    let roots =
        [variable("VIRTUAL_ENV"), variable("CONDA_PREFIX"), variable("HOME").map(|home| home.join(".local"))];
    let roots = roots.into_iter().flatten().chain([PathBuf::from("/usr/local"), PathBuf::from("/usr")]);
    let mut places: Vec<PathBuf> = NAMES.iter().map(PathBuf::from).collect();
    for packages in roots.flat_map(|root| packages(&root)) {
        places.extend(WHEELS.iter().map(|wheel| packages.join(wheel)));
    }
    places.push(PathBuf::from("/usr/local/cuda/lib64"));
    places
}

/// Returns the folders of Python packages below a root, the newest Python first.
fn packages(root: &Path) -> Vec<PathBuf> {
    let mut pythons = named(&root.join("lib"), "python3");
    pythons.reverse();
    let kinds = |python: PathBuf| [python.join("site-packages"), python.join("dist-packages")];
    pythons.into_iter().flat_map(kinds).filter(|folder| folder.is_dir()).collect()
}

/// Returns the entries of a folder whose names begin so, sorted.
fn named(folder: &Path, beginning: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_named = |path: &PathBuf| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(beginning))
    };
    let mut found: Vec<PathBuf> = entries.filter(is_named).collect();
    found.sort();
    found
}

/// Loads NVRTC from a folder, from a file, or by a name that the system's loader knows.
fn load(place: &Path) -> Option<Nvrtc> {
    let folder = if place.is_dir() { place } else { place.parent()? };
    let library = match place.is_dir() {
        true => named(folder, "libnvrtc.so").pop()?,
        false => place.to_owned(),
    };
    // SAFETY: these libraries are NVIDIA's, or whatever the user names; loading runs their initializers.
    unsafe {
        // NVRTC asks for its built-in functions by their bare name, which the loader answers with what
        // is loaded already: so they come first.
        for builtins in named(folder, "libnvrtc-builtins.so") {
            mem::forget(Library::new(builtins).ok()?);
        }
        let library = ManuallyDrop::new(Library::new(&library).ok()?);
        library.get::<Size>(b"nvrtcGetCUBINSize").ok()?;
        Some(Nvrtc { library, place: place.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wheels_are_looked_for_in_every_python_the_newest_first() {
        let root = env::temp_dir().join(format!("sswe-nvrtc-{}", std::process::id()));
        for python in
            ["lib/python3.11/site-packages", "lib/python3.12/dist-packages", "lib/perl/site-packages"]
        {
            fs::create_dir_all(root.join(python)).unwrap();
        }
        let found = packages(&root);
        assert_eq!(
            found,
            [root.join("lib/python3.12/dist-packages"), root.join("lib/python3.11/site-packages")]
        );
        // A folder without it, a file that is no library, and a place that is not there are no NVRTC.
        let file = root.join("libnvrtc.so.13");
        assert!(load(&root).is_none());
        fs::write(&file, "no library").unwrap();
        assert!(load(&root).is_none());
        assert!(load(&file).is_none());
        assert!(load(&root.join("absent")).is_none());
        fs::remove_dir_all(&root).unwrap();
        assert_eq!(places().last(), Some(&PathBuf::from("/usr/local/cuda/lib64")));
    }
}
