//! The ways into the kernel and out of it. Everything here runs at CPL 3, on the vCPU's only stack pointer.
//!
//! Ways in, each builds a [`super::frame::Frame`] at the top of the current thread's kernel stack:
//! - `syscall_entry`: by a jump from a patched site's trampoline. RCX is the return address, the flags are live.
//! - `syscall_trap`: a `syscall` instruction trapped; the VMM moved RIP here. RCX and R11 as the instruction left them.
//! - `upcall_program`: exception or kick in the program; RIP, RFLAGS and the cause are in the mailbox.
//! - `upcall_kernel`: exception in the kernel (a bad or not yet mapped program address in a user copy); the frame is built
//!   below the interrupted stack pointer, past the red zone.
//!
//! Ways out:
//! - `exit_fast`: after a system call that left the frame alone: restores what the C ABI does not keep, jumps to RCX.
//! - `exit_full`: restores everything with `iretq` (same privilege level, so that it needs no ring 0).
//!
//! Both first check for events; both only read memory and write registers, and are listed as restart ranges in the
//! kernel header: a kick that lands inside starts them again, so that no event is lost between check and exit.
//!
//! Linux keeps every vector register across a system call. The kernel's code uses SSE2 in its legacy encoding only, which
//! leaves the upper parts alone, so that saving XMM0-15 is enough here; the rest is saved on a thread switch and for
//! signal frames (`xsave.rs`).

use super::frame::Frame;
use core::arch::global_asm;
use core::mem::{offset_of, size_of};
use ramet_abi::header::KernelHeader;
use ramet_abi::layout::selector;
use ramet_abi::mailbox::{Mailbox, Upcall};

const UPCALL_RIP: usize = offset_of!(Mailbox, upcall) + offset_of!(Upcall, rip);
const UPCALL_RFLAGS: usize = offset_of!(Mailbox, upcall) + offset_of!(Upcall, rflags);

// `build_tail` goes on from a stack that holds SS, RSP, RFLAGS, CS, RIP, ORIG_RAX.
global_asm!(
    r#"
    .macro save_registers
        push rdi
        push rsi
        push rdx
        push rcx
        push rax
        push r8
        push r9
        push r10
        push r11
        push rbx
        push rbp
        push r12
        push r13
        push r14
        push r15
        sub rsp, 256
        movaps [rsp + 0x00], xmm0
        movaps [rsp + 0x10], xmm1
        movaps [rsp + 0x20], xmm2
        movaps [rsp + 0x30], xmm3
        movaps [rsp + 0x40], xmm4
        movaps [rsp + 0x50], xmm5
        movaps [rsp + 0x60], xmm6
        movaps [rsp + 0x70], xmm7
        movaps [rsp + 0x80], xmm8
        movaps [rsp + 0x90], xmm9
        movaps [rsp + 0xa0], xmm10
        movaps [rsp + 0xb0], xmm11
        movaps [rsp + 0xc0], xmm12
        movaps [rsp + 0xd0], xmm13
        movaps [rsp + 0xe0], xmm14
        movaps [rsp + 0xf0], xmm15
    .endm
    .macro restore_vectors base
        movaps xmm0, [\base + 0x00]
        movaps xmm1, [\base + 0x10]
        movaps xmm2, [\base + 0x20]
        movaps xmm3, [\base + 0x30]
        movaps xmm4, [\base + 0x40]
        movaps xmm5, [\base + 0x50]
        movaps xmm6, [\base + 0x60]
        movaps xmm7, [\base + 0x70]
        movaps xmm8, [\base + 0x80]
        movaps xmm9, [\base + 0x90]
        movaps xmm10, [\base + 0xa0]
        movaps xmm11, [\base + 0xb0]
        movaps xmm12, [\base + 0xc0]
        movaps xmm13, [\base + 0xd0]
        movaps xmm14, [\base + 0xe0]
        movaps xmm15, [\base + 0xf0]
    .endm

    .section .ramet.header, "ax"
    .globl kernel_header
kernel_header:
    .quad {magic}
    .long {version}
    .long {header_size}
    .quad boot
    .quad syscall_trap
    .quad upcall_program
    .quad upcall_kernel
    .quad exit_fast, exit_fast_end
    .quad exit_full, exit_full_end
    .quad 0, 0, 0, 0
    .quad fork_child
    .quad park_entry

    .text
    .balign 64
    .globl boot
boot:
    lea rsp, [rip + BOOT_STACK_TOP]
    xor ebp, ebp
    call kernel_main
    ud2

    .balign 64
    .globl syscall_trap
syscall_trap:
    mov [rip + PROGRAM_RSP], rsp
    mov rsp, [rip + KERNEL_STACK]
    push {user_data}
    push [rip + PROGRAM_RSP]
    push r11
    push {user_code}
    push rcx
    push rax
    save_registers
    cld
    mov rdi, rsp
    call syscall_trapped
    jmp exit_fast

    .balign 64
    .globl syscall_entry
syscall_entry:
    mov [rip + PROGRAM_RSP], rsp
    mov rsp, [rip + KERNEL_STACK]
    push {user_data}
    push [rip + PROGRAM_RSP]
    pushfq
    push {user_code}
    push rcx
    push rax
    save_registers
    cld
    mov rdi, rsp
    call syscall_jumped

    .balign 64
    .globl exit_fast
exit_fast:
    mov rsp, [rip + KERNEL_STACK]
    mov eax, [rip + MAILBOX]
    or eax, [rip + EXIT_WORK]
    jnz 2f
    sub rsp, {frame_size} - 8
    restore_vectors rsp
    mov rdi, [rsp + {rdi}]
    mov rsi, [rsp + {rsi}]
    mov rdx, [rsp + {rdx}]
    mov r8, [rsp + {r8}]
    mov r9, [rsp + {r9}]
    mov r10, [rsp + {r10}]
    mov rax, [rsp + {rax}]
    mov rcx, [rsp + {rip}]
    mov r11, [rsp + {rflags}]
    lea rsp, [rsp + {rflags}]
    popfq
    mov rsp, [rsp]
    jmp rcx
exit_fast_end:
2:
    sub rsp, {frame_size} - 8
    # The program's flags are still there after a jump into the kernel, or again after a restart of the sequence: with the
    # direction flag set no Rust code works, with NT no `iretq`.
    push {kernel_flags}
    popfq
    mov rdi, rsp
    call exit_work

    .balign 64
    .globl exit_full
exit_full:
    mov rsp, [rip + KERNEL_STACK]
    mov eax, [rip + MAILBOX]
    or eax, [rip + EXIT_WORK]
    jnz 2b
    sub rsp, {frame_size} - 8
    restore_vectors rsp
    mov r15, [rsp + {r15}]
    mov r14, [rsp + {r14}]
    mov r13, [rsp + {r13}]
    mov r12, [rsp + {r12}]
    mov rbp, [rsp + {rbp}]
    mov rbx, [rsp + {rbx}]
    mov r11, [rsp + {r11}]
    mov r10, [rsp + {r10}]
    mov r9, [rsp + {r9}]
    mov r8, [rsp + {r8}]
    mov rax, [rsp + {rax}]
    mov rcx, [rsp + {rcx}]
    mov rdx, [rsp + {rdx}]
    mov rsi, [rsp + {rsi}]
    mov rdi, [rsp + {rdi}]
    lea rsp, [rsp + {rip}]
    iretq
exit_full_end:

    .balign 64
    .globl upcall_program
upcall_program:
    mov [rip + PROGRAM_RSP], rsp
    mov rsp, [rip + KERNEL_STACK]
    push {user_data}
    push [rip + PROGRAM_RSP]
    push [rip + MAILBOX + {upcall_rflags}]
    push {user_code}
    push [rip + MAILBOX + {upcall_rip}]
    push -1
    save_registers
    cld
    mov rdi, rsp
    call upcall_from_program
    jmp exit_full

    .balign 64
    .globl upcall_kernel
upcall_kernel:
    mov [rip + PROGRAM_RSP], rsp
    lea rsp, [rsp - 128]
    and rsp, -16
    sub rsp, 8
    push {user_data}
    push [rip + PROGRAM_RSP]
    push [rip + MAILBOX + {upcall_rflags}]
    push {user_code}
    push [rip + MAILBOX + {upcall_rip}]
    push -1
    save_registers
    cld
    mov rdi, rsp
    call upcall_from_kernel
    restore_vectors rsp
    add rsp, 256
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    pop r11
    pop r10
    pop r9
    pop r8
    pop rax
    pop rcx
    pop rdx
    pop rsi
    pop rdi
    add rsp, 8
    iretq

    # switch_stacks(save: *mut usize, load: usize)
    .balign 64
    .globl switch_stacks
switch_stacks:
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
    mov [rdi], rsp
    mov rsp, rsi
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    ret

    # fork_point() -> u64: makes the hypercall FORK on the current kernel stack. 0 in the parent, 1 in the child, whose vCPU
    # starts at fork_child with nothing but memory.
    .balign 64
    .globl fork_point
fork_point:
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
    mov [rip + FORK_STACK], rsp
    mov edx, {fork_port}
    xor eax, eax
    out dx, al
    xor eax, eax
fork_return:
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    ret
fork_child:
    mov rsp, [rip + FORK_STACK]
    mov eax, 1
    jmp fork_return

    # A clone that is made ahead, before it is one: `ramet_abi::header::KernelHeader::park_entry`. There is no stack.
    .balign 64
    .globl park_entry
park_entry:
    movabs rsi, {touch_list}
    mov rcx, [rsi]
2:
    sub rcx, 1
    jb 4f
    add rsi, 8
    mov rax, [rsi]
    test al, 1
    jz 3f
    and rax, -4096
    lock or byte ptr [rax], 0
    jmp 2b
3:
    movzx eax, byte ptr [rax]
    jmp 2b
4:
    mov edx, {park_port}
    xor eax, eax
    out dx, al
    ud2

    # A new thread's first return address: its frame is at the top of its kernel stack.
    .globl thread_start
thread_start:
    call thread_started
    jmp exit_full

    .bss
    .balign 64
    .globl KERNEL_STACK, PROGRAM_RSP, EXIT_WORK
KERNEL_STACK: .quad 0
PROGRAM_RSP: .quad 0
EXIT_WORK: .quad 0
FORK_STACK: .quad 0
    .balign 4096
BOOT_STACK: .skip 65536
BOOT_STACK_TOP: .skip 64
    .text
"#,
    magic = const ramet_abi::header::KERNEL_MAGIC,
    version = const ramet_abi::ABI_VERSION,
    header_size = const size_of::<KernelHeader>(),
    fork_port = const ramet_abi::hypercall::HYPERCALL_PORT + ramet_abi::hypercall::FORK,
    park_port = const ramet_abi::hypercall::HYPERCALL_PORT + ramet_abi::hypercall::PARK,
    touch_list = const ramet_abi::layout::SHARED_WINDOW + ramet_abi::layout::TOUCH_OFFSET,
    kernel_flags = const super::frame::FIXED_FLAGS,
    user_data = const selector::USER_DATA,
    user_code = const selector::USER_CODE,
    upcall_rip = const UPCALL_RIP,
    upcall_rflags = const UPCALL_RFLAGS,
    frame_size = const size_of::<Frame>(),
    r15 = const offset_of!(Frame, r15),
    r14 = const offset_of!(Frame, r14),
    r13 = const offset_of!(Frame, r13),
    r12 = const offset_of!(Frame, r12),
    rbp = const offset_of!(Frame, rbp),
    rbx = const offset_of!(Frame, rbx),
    r11 = const offset_of!(Frame, r11),
    r10 = const offset_of!(Frame, r10),
    r9 = const offset_of!(Frame, r9),
    r8 = const offset_of!(Frame, r8),
    rax = const offset_of!(Frame, rax),
    rcx = const offset_of!(Frame, rcx),
    rdx = const offset_of!(Frame, rdx),
    rsi = const offset_of!(Frame, rsi),
    rdi = const offset_of!(Frame, rdi),
    rip = const offset_of!(Frame, rip),
    rflags = const offset_of!(Frame, rflags),
);
