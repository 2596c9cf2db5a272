use super::*;

/// A small file: one program header per entry of `headers`.
fn file(kind: u16, headers: &[(u32, u32, u64, u64, u64, u64, u64)], length: usize) -> Vec<u8> {
    let mut bytes = vec![0u8; length.max(64 + 56 * headers.len())];
    bytes[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    bytes[16..18].copy_from_slice(&kind.to_le_bytes());
    bytes[18..20].copy_from_slice(&62u16.to_le_bytes());
    bytes[24..32].copy_from_slice(&0x1010u64.to_le_bytes());
    bytes[32..40].copy_from_slice(&64u64.to_le_bytes());
    bytes[54..56].copy_from_slice(&56u16.to_le_bytes());
    bytes[56..58].copy_from_slice(&(headers.len() as u16).to_le_bytes());
    for (i, h) in headers.iter().enumerate() {
        let at = 64 + 56 * i;
        bytes[at..at + 4].copy_from_slice(&h.0.to_le_bytes());
        bytes[at + 4..at + 8].copy_from_slice(&h.1.to_le_bytes());
        for (j, value) in [h.2, h.3, h.3, h.4, h.5, h.6].iter().enumerate() {
            bytes[at + 8 + 8 * j..at + 16 + 8 * j].copy_from_slice(&value.to_le_bytes());
        }
    }
    bytes
}

fn program(bytes: &[u8]) -> Result<Elf> {
    parse(bytes, Role::Program)
}

#[test]
fn plans_text_data_and_bss() {
    let elf = program(&file(
        ET_EXEC,
        &[
            (PT_LOAD, PF_R | PF_X, 0, 0x40_0000, 0x1234, 0x1234, 0x1000),
            (PT_LOAD, PF_R | PF_W, 0x1e10, 0x40_2e10, 0x300, 0x3000, 0x1000),
            (PT_LOAD, PF_R | PF_W, 0x2110, 0x50_0000, 0, 0x10, 0x1000),
            (PT_GNU_STACK, PF_R | PF_W, 0, 0, 0, 0, 16),
        ],
        0x2110,
    ))
    .unwrap();
    assert!(!elf.position_independent && !elf.executable_stack);
    assert_eq!((elf.entry, elf.headers, elf.header_count), (0x1010, Some(0x40_0040), 4));
    assert_eq!((elf.start, elf.end, elf.span()), (0x40_0000, 0x50_0010, 0x10_1000));
    let text = elf.segments[0];
    assert_eq!((text.address, text.file_offset, text.file_length), (0x40_0000, 0, 0x2000));
    assert_eq!((text.clear_length, text.anonymous_length), (0, 0));
    let data = elf.segments[1];
    assert_eq!((data.address, data.file_offset, data.file_length), (0x40_2000, 0x1000, 0x2000));
    assert_eq!((data.clear, data.clear_length), (0x40_3110, 0xef0));
    assert_eq!((data.anonymous, data.anonymous_length), (0x40_4000, 0x2000));
    assert_eq!(data.protection, Protection { read: true, write: true, execute: false });
    let bss = elf.segments[2];
    assert_eq!((bss.file_length, bss.anonymous, bss.anonymous_length), (0, 0x50_0000, 0x1000));
    assert_eq!(elf.bias(0x5555_5555_4000), Ok(0));
}

#[test]
fn places_pie_with_its_alignment() {
    let elf = program(&file(ET_DYN, &[(PT_LOAD, PF_R, 0, 0, 0x100, 0x100, 0x20_0000)], 0x100)).unwrap();
    let bias = elf.bias(0x5555_5555_4000).unwrap();
    assert_eq!(bias % 0x20_0000, 0);
    assert!(bias >= 0x5555_5555_4000);
    assert_eq!(elf.bias(PROGRAM_END), Err(Errno::ENOMEM));
    assert_eq!(elf.bias(u64::MAX), Err(Errno::ENOMEM));
    // Linked at an address of its own: the bias moves it all the same.
    let linked = program(&file(ET_DYN, &[(PT_LOAD, PF_R, 0, 0x7000, 0x100, 0x100, 0x1000)], 0x100)).unwrap();
    assert_eq!(linked.bias(0x10000).unwrap() + linked.start, 0x10000);
}

#[test]
fn reads_the_interpreter() {
    let header = [(PT_INTERP, PF_R, 0xb0, 0, 9, 9, 1), (PT_LOAD, PF_R, 0, 0, 0x100, 0x100, 0x1000)];
    let mut bytes = file(ET_DYN, &header, 0x100);
    assert_eq!(program(&bytes).unwrap().interpreter.as_deref(), Some(&b""[..]));
    bytes[0xb0..0xb9].copy_from_slice(b"/lib/ld.s");
    assert_eq!(program(&bytes), Err(Errno::ENOEXEC));
    bytes[0xb8] = 0;
    assert_eq!(program(&bytes).unwrap().interpreter.as_deref(), Some(&b"/lib/ld."[..]));
    assert_eq!(parse(&bytes[..], Role::Interpreter).unwrap().interpreter, None);
}

#[test]
fn refuses_what_cannot_be() {
    let load = |offset, address, file_size, memory_size| {
        program(&file(ET_EXEC, &[(PT_LOAD, PF_R, offset, address, file_size, memory_size, 0x1000)], 0x1000))
            .map(|_| ())
    };
    assert_eq!(load(0, 0x1000, 0x100, 0x100), Ok(()));
    assert_eq!(load(0, 0x1000, 0x100, 0x80), Err(Errno::EINVAL));
    assert_eq!(load(8, 0x1000, 0x100, 0x100), Err(Errno::EINVAL));
    assert_eq!(load(0, 0x1000, 0x2000, 0x2000), Err(Errno::ENOEXEC));
    assert_eq!(load(0, u64::MAX - 0xfff, 0x100, 0x1000), Err(Errno::EINVAL));
    assert_eq!(load(0, PROGRAM_END - 0x1000, 0x100, 0x2000), Err(Errno::EINVAL));
    assert_eq!(load(!0xfff, 0x1000, 0x1000, 0x1000), Err(Errno::ENOEXEC));
    assert_eq!(load(0, 0, 0, u64::MAX), Err(Errno::EINVAL));
    assert_eq!(program(b"").map(|_| ()), Err(Errno::ENOEXEC));
    assert_eq!(parse(&b"#!/bin/sh\n"[..], Role::Interpreter).map(|_| ()), Err(Errno::ELIBBAD));
    let good = file(ET_EXEC, &[(PT_LOAD, PF_R, 0, 0x1000, 0x78, 0x78, 0x1000)], 0x78);
    for (at, value) in [(0, 0), (4, 1), (5, 2), (16, 1), (18, 3), (54, 0), (56, 0), (56, 200), (39, 0xff)] {
        let mut bytes = good.clone();
        bytes[at] = value;
        assert!(program(&bytes).is_err(), "byte {at} = {value}");
    }
}

#[test]
fn never_panics_on_garbage() {
    let header = [(PT_INTERP, PF_R, 0xb0, 0, 9, 9, 1), (PT_LOAD, PF_W, 0, 0, 0x100, 0x1000, 0x1000)];
    let good = file(ET_DYN, &header, 0x400);
    let mut state = 1u64;
    for _ in 0..200_000 {
        let mut bytes = good.clone();
        for _ in 0..1 + state % 6 {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            bytes[(state >> 33) as usize % 0xc0] = match state >> 60 {
                0..4 => 0xff,
                4..8 => 0,
                _ => (state >> 50) as u8,
            };
        }
        if let Ok(elf) = program(&bytes) {
            for base in [0, 0x5555_5555_4000, PROGRAM_END, u64::MAX] {
                let _ = elf.bias(base);
            }
            let _ = (elf.reservation(), elf.span());
            for s in &elf.segments {
                assert_eq!((s.address | s.file_offset | s.file_length | s.anonymous_length) % PAGE, 0);
                assert!(s.anonymous + s.anonymous_length <= PROGRAM_END);
                assert!(s.clear_length < PAGE);
            }
        }
    }
}

#[test]
fn parses_real_programs() {
    for path in ["/bin/sh", "/bin/ls", "/usr/bin/python3"] {
        if let Ok(bytes) = std::fs::read(path) {
            let elf = program(&bytes).unwrap();
            assert!(elf.interpreter.is_some() && elf.headers.is_some(), "{path}");
            let interpreter =
                std::fs::read(core::str::from_utf8(elf.interpreter.as_ref().unwrap()).unwrap()).unwrap();
            assert!(parse(&interpreter[..], Role::Interpreter).unwrap().position_independent);
        }
    }
}
