/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * forms.S - one function per form of instruction. CASE name: the probe is at the label \name\()_at, which END's
 * table has. Registers are what test_forms.c put there; each function is called, and returns.
 */
	.intel_syntax noprefix
	.section .data.rel.ro.cases, "aw", @progbits
	.globl forms
forms:
	.text

	.macro CASE name
	.balign 64
	.globl \name
	.type \name, @function
\name:
	.cfi_startproc
	.pushsection .data.rel.ro.cases
	.quad \name, \name\()_at, 7f
	.section .rodata.str1.1, "aMS", @progbits, 1
7:	.asciz "\name"
	.popsection
	.endm

	.macro END name
	.cfi_endproc
	.size \name, . - \name
	.int3_pad
	.endm
	.macro .int3_pad
	.fill 3, 1, 0xcc
	.endm

	/* one instruction, nothing around it */
	.macro PLAIN name, insn:vararg
	CASE \name
\name\()_at:
	\insn
	ret
	END \name
	.endm

	PLAIN mov_rr, mov rax, rbx
	PLAIN mov_imm64, movabs rax, 0x1122334455667788
	PLAIN xor_rr, xor eax, eax
	PLAIN add_flags, add rax, rdx
	PLAIN adc_flags, adc rax, rdx
	PLAIN cmc_insn, cmc
	PLAIN stc_insn, stc
	PLAIN lahf_insn, lahf
	PLAIN sahf_insn, sahf
	PLAIN setc_insn, setc al
	PLAIN seto_insn, seto al
	PLAIN cmov, cmovs rax, r15
	PLAIN lea_rip, lea rax, [rip + data]
	PLAIN mov_rip, mov rax, [rip + data]
	PLAIN cmp_rip_imm8, cmp byte ptr [rip + data], 5
	PLAIN cmp_rip_imm32, cmp dword ptr [rip + data], 0x12345678
	PLAIN add_rip, add rax, [rip + data]
	PLAIN movaps_rip, movaps xmm3, [rip + data]
	PLAIN vpaddd_rip, vpaddd ymm3, ymm4, [rip + data]
	PLAIN paddd_rr, paddd xmm1, xmm2
	PLAIN nop1, nop
	PLAIN nop2, .byte 0x66, 0x90
	PLAIN nop3, .byte 0x0f, 0x1f, 0x00
	PLAIN nop5, .byte 0x0f, 0x1f, 0x44, 0x00, 0x00
	PLAIN nop9, .byte 0x66, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00
	PLAIN nop_rip, .byte 0x0f, 0x1f, 0x05, 0x00, 0x00, 0x00, 0x00
	PLAIN endbr, endbr64
	PLAIN pause_insn, pause
	PLAIN mov_fs, mov rax, fs:[0]
	PLAIN rdfsbase_like, mov rax, fs:0x28
	PLAIN lock_xadd, lock xadd [rip + form_counter], rax
	PLAIN mul_insn, mul rbx
	PLAIN shld_insn, shld rax, rbx, 7
	PLAIN bt_insn, bt rax, 5
	PLAIN cld_insn, cld
	PLAIN bswap_insn, bswap r9
	PLAIN push_rsp_like, lea rax, [rsp - 8]
	PLAIN ret_plain, .byte 0xc3
	PLAIN rep_ret, .byte 0xf3, 0xc3

	CASE push_pop
push_pop_at:
	push rbp
	pop rax
	ret
	END push_pop

	CASE pop_at_probe
	push r13
pop_at_probe_at:
	pop rax
	ret
	END pop_at_probe

	CASE push_rsp
push_rsp_at:
	push rsp
	pop rax
	sub rax, rsp
	ret
	END push_rsp

	CASE push_imm
push_imm_at:
	push 0x12345678
	pop rax
	ret
	END push_imm

	CASE push_rip
push_rip_at:
	push qword ptr [rip + data]
	pop rax
	ret
	END push_rip

	CASE pushf_insn
pushf_insn_at:
	pushfq
	pop rax
	ret
	END pushf_insn

	CASE popf_insn
	push 0x8d7
popf_insn_at:
	popfq
	ret
	END popf_insn

	CASE frame
frame_at:
	push rbp
	mov rbp, rsp
	sub rsp, 64
	mov [rbp - 8], rdi
	mov rax, [rbp - 8]
	leave
	ret
	END frame

	CASE sub_rsp
sub_rsp_at:
	sub rsp, 40
	mov [rsp], rdi
	mov rax, [rsp]
	add rsp, 40
	ret
	END sub_rsp

	CASE leave_insn
	push rbp
	mov rbp, rsp
	sub rsp, 32
leave_insn_at:
	leave
	ret
	END leave_insn

	CASE enter_insn
enter_insn_at:
	enter 16, 0
	leave
	ret
	END enter_insn

	CASE four_insns
four_insns_at:
	nop
	mov eax, edi
	cmc
	xor eax, esi
	ret
	END four_insns

	CASE red_zone
	mov [rsp - 8], rdi
	mov [rsp - 64], rsi
	mov [rsp - 128], rdx
red_zone_at:
	mov rax, [rsp - 8]
	add rax, [rsp - 64]
	add rax, [rsp - 128]
	ret
	END red_zone

	CASE ret_imm
	pop rax
	sub rsp, 32
	push rax
ret_imm_at:
	ret 32
	END ret_imm

	CASE jmp_short
jmp_short_at:
	.byte 0xeb, 3
	mov al, 1
	ret
	mov al, 2
	ret
	END jmp_short

	CASE jmp_near
jmp_near_at:
	.byte 0xe9
	.long 1f - . - 4
	mov al, 1
	ret
1:	mov al, 2
	ret
	END jmp_near

	CASE jmp_back
	jmp 2f
1:	mov al, 3
	ret
2:
jmp_back_at:
	jmp 1b
	END jmp_back

	CASE jmp_rip
jmp_rip_at:
	jmp [rip + to_leaf]
	END jmp_rip

	CASE jmp_reg
	lea r11, [rip + leaf]
jmp_reg_at:
	jmp r11
	END jmp_reg

	.irp cc, o, no, b, ae, e, ne, be, a, s, ns, p, np, l, ge, le, g
	CASE j\cc\()_short
j\cc\()_short_at:
	j\cc 1f
	mov al, 1
	ret
1:	mov al, 2
	ret
	END j\cc\()_short

	CASE j\cc\()_near
j\cc\()_near_at:
	.byte 0x0f
	.ifc \cc, o
	.byte 0x80
	.endif
	.ifc \cc, no
	.byte 0x81
	.endif
	.ifc \cc, b
	.byte 0x82
	.endif
	.ifc \cc, ae
	.byte 0x83
	.endif
	.ifc \cc, e
	.byte 0x84
	.endif
	.ifc \cc, ne
	.byte 0x85
	.endif
	.ifc \cc, be
	.byte 0x86
	.endif
	.ifc \cc, a
	.byte 0x87
	.endif
	.ifc \cc, s
	.byte 0x88
	.endif
	.ifc \cc, ns
	.byte 0x89
	.endif
	.ifc \cc, p
	.byte 0x8a
	.endif
	.ifc \cc, np
	.byte 0x8b
	.endif
	.ifc \cc, l
	.byte 0x8c
	.endif
	.ifc \cc, ge
	.byte 0x8d
	.endif
	.ifc \cc, le
	.byte 0x8e
	.endif
	.ifc \cc, g
	.byte 0x8f
	.endif
	.long 1f - . - 4
	mov al, 1
	ret
1:	mov al, 2
	ret
	END j\cc\()_near
	.endr

	.macro COUNTED op, cx
	CASE \op\()_\cx
	mov ecx, \cx
\op\()_\cx\()_at:
	\op 1f
	mov al, 1
	ret
1:	mov al, 2
	ret
	END \op\()_\cx
	.endm
	.irp op, loop, loope, loopne, jrcxz, jecxz
	COUNTED \op, 0
	COUNTED \op, 1
	COUNTED \op, 2
	.endr

	CASE call_rel
	sub rsp, 8
call_rel_at:
	call leaf
	add rsp, 8
	ret
	END call_rel

	CASE call_next
call_next_at:
	call 1f
1:	pop rax
	ret
	END call_next

	CASE call_seen		/* the callee sees the true return address */
	sub rsp, 8
call_seen_at:
	call return_address
	add rsp, 8
	ret
	END call_seen

	CASE call_reg
	sub rsp, 8
	lea r11, [rip + return_address]
call_reg_at:
	call r11
	add rsp, 8
	ret
	END call_reg

	CASE call_rax
	sub rsp, 8
	lea rax, [rip + return_address]
call_rax_at:
	call rax
	add rsp, 8
	ret
	END call_rax

	CASE call_rip
	sub rsp, 8
call_rip_at:
	call [rip + to_return_address]
	add rsp, 8
	ret
	END call_rip

	CASE call_rsp_mem
	sub rsp, 24
	lea rax, [rip + return_address]
	mov [rsp + 8], rax
call_rsp_mem_at:
	call [rsp + 8]
	add rsp, 24
	ret
	END call_rsp_mem

	CASE call_sib
	sub rsp, 8
	push r12
	push r13
	lea r12, [rip + to_return_address]
	mov r13d, 2
call_sib_at:
	call [r12 + r13 * 4 - 8]
	pop r13
	pop r12
	add rsp, 8
	ret
	END call_sib

	CASE lock_skipped	/* a branch into the middle of the probed instruction */
	xor ecx, ecx
	test edi, 1
	jz lock_skipped_at + 1
lock_skipped_at:
	lock xadd [rip + form_counter], ecx
	mov eax, 4
	ret
	END lock_skipped

	CASE loop_to_next	/* a branch to the instruction behind a short one */
	mov ecx, 5
	xor eax, eax
loop_to_next_at:
	push rcx
1:	add eax, ecx
	dec ecx
	jnz 1b
	pop rcx
	ret
	END loop_to_next

	CASE in_loop
	mov ecx, 5
	xor eax, eax
1:
in_loop_at:
	add eax, ecx
	dec ecx
	jnz 1b
	ret
	END in_loop

	CASE backwards		/* hits are C, and want DF clear */
	push rsi
	push rdi
	lea rsi, [rip + data + 31]
	lea rdi, [rip + scratch + 31]
	mov ecx, 32
	std
backwards_at:
	rep movsb
	cld
	pop rdi
	pop rsi
	mov rax, [rip + scratch]
	ret
	END backwards

	CASE rep_stos
	push rdi
	lea rdi, [rip + scratch]
	mov ecx, 32
rep_stos_at:
	rep stosb
	pop rdi
	ret
	END rep_stos

	CASE syscall_insn
	push rcx
	push r11
	mov eax, 39
syscall_insn_at:
	syscall
	pop r11
	pop rcx
	ret
	END syscall_insn

	CASE vzero_between
	vpaddd ymm5, ymm6, ymm7
vzero_between_at:
	vpaddd ymm8, ymm5, ymm9
	ret
	END vzero_between

	CASE x87
	fld1
x87_at:
	fadd st(0), st(0)
	fistp qword ptr [rip + scratch]
	mov rax, [rip + scratch]
	ret
	END x87

	.balign 16
leaf:	mov eax, 77
	ret
return_address:
	mov rax, [rsp]
	ret

	.section .data.rel.ro.cases
	.quad 0, 0, 0
	.data
	.balign 32
data:	.quad 0x0123456789abcdef, 0xfedcba9876543210, 7, 8
	.globl form_counter
form_counter: .quad 0
scratch: .fill 32, 1, 0
to_leaf: .quad leaf
to_return_address: .quad return_address
	.section .note.GNU-stack, "", @progbits
