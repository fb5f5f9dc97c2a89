/**
 * Turns a compiled hook into an eBPF program for the kernel's lookup module (`c/module`), of type XDP.
 *
 * What the program is given and what it returns is written down in `c/uapi/valet_module.h`.
 *
 * @module
 */

import type { TableLayout } from "../ffi/table_home.ts";
import { Alu, Assembler, Jump, Label, type MapReference, type Register } from "./ebpf_assembler.ts";
import { ExpressionWriter, type Widening } from "./ebpf_expression.ts";
import { ModuleResult, ResultWriter } from "./ebpf_result.ts";
import { CONTEXT, DATA_END, FRAME, SCRATCH, XDP_MD } from "./ebpf_registers.ts";
import { Storage } from "./ebpf_storage.ts";
import { MapWriter } from "./ebpf_tables.ts";
import { isWidened, widenedLocals } from "./ebpf_widening.ts";
import type {
  Expression,
  HookProgram,
  Input,
  LoopStatement,
  Position,
  ProgramTable,
  Statement,
} from "./ir.ts";
import { bodiesOf, expressionsOf, operands } from "./walk.ts";

/** What a program is called with. */
const ARGUMENT: Register = 1;

/** A hook as eBPF. */
export interface EbpfCode {
  /** Name of the function. */
  readonly name: string;
  /** The source that `positions` are in. */
  readonly source: string;
  /** The instructions, 8 bytes each. */
  readonly instructions: Uint8Array<ArrayBuffer>;
  /** For each instruction, where in the source it comes from. */
  readonly positions: readonly (Position | undefined)[];
  /** Which instructions need the descriptors of maps. */
  readonly maps: readonly MapReference[];
  /** The tables that these are of. */
  readonly tables: readonly ProgramTable[];
  /** Bytes of stack. */
  readonly stackBytes: number;
}

/**
 * Turns a program of the intermediate form into eBPF.
 *
 * @param layouts of the program's tables, in their order
 * @throws {StackError} if it needs more stack than there is
 * @throws {RangeError} if it is too long
 */
export function toEbpf(program: HookProgram, layouts: readonly TableLayout[] = []): EbpfCode {
  if (layouts.length !== program.tables.length) {
    throw new RangeError(
      `Cannot compile "${program.name}": it has ${program.tables.length} tables, not ${layouts.length}`,
    );
  }
  const writer = new ProgramWriter(program, layouts);
  writer.write();
  return {
    name: program.name,
    source: program.source,
    instructions: writer.asm.encode(),
    positions: writer.asm.positions(),
    maps: writer.asm.maps,
    tables: program.tables,
    stackBytes: writer.stackBytes,
  };
}

/** What a program reads and does. */
interface Needs {
  readonly inputs: Set<Input>;
  ring: boolean;
  copy: boolean;
}

function needsOf(statements: readonly Statement[], needs: Needs): Needs {
  for (const statement of statements) {
    if (statement.op === "ring") needs.ring = true;
    if (statement.op === "copy") needs.copy = true;
    for (const expression of expressionsOf(statement)) inputsOf(expression, needs.inputs);
    for (const body of bodiesOf(statement)) needsOf(body, needs);
  }
  return needs;
}

function inputsOf(expression: Expression, inputs: Set<Input>): void {
  if (expression.op === "input") inputs.add(expression.input);
  for (const operand of operands(expression)) inputsOf(operand, inputs);
}

class ProgramWriter {
  readonly asm = new Assembler();
  readonly #program: HookProgram;
  readonly #needs: Needs;
  readonly #storage: Storage;
  readonly #inputs = new Map<Input, number>();
  readonly #expressions: ExpressionWriter;
  readonly #widening: Widening | undefined;
  readonly #result: ResultWriter;
  readonly #ends = new Map<number, Label>();
  /** Where a loop goes that runs longer than it can. */
  readonly #impossible = new Label();

  constructor(program: HookProgram, layouts: readonly TableLayout[]) {
    this.#program = program;
    this.#storage = new Storage(program);
    this.#needs = needsOf(program.body, { inputs: new Set(), ring: false, copy: false });
    for (const input of this.#needs.inputs) {
      if (input !== "readable") this.#inputs.set(input, this.#storage.reserve(8));
    }
    this.#result = new ResultWriter(this.asm, this.#storage, this.#needs);
    const widened = widenedLocals(program);
    this.#widening = widened && {
      zero: this.#storage.reserve(8),
      wants: (local, value) => widened.has(local) && isWidened(local, value),
    };
    this.#expressions = new ExpressionWriter(
      this.asm,
      this.#storage,
      this.#inputs,
      this.#widening,
    );
    if (layouts.length > 0) {
      const { asm } = this;
      const tables = new MapWriter(asm, this.#storage, program, layouts, this.#expressions);
      this.#expressions.tables = tables;
    }
  }

  get stackBytes(): number {
    return this.#storage.bytes;
  }

  write(): void {
    const { asm } = this;
    this.#prologue();
    this.#statements(this.#program.body);
    asm.place(this.#impossible);
    asm.set(0, ModuleResult.GARBAGE);
    asm.exit();
  }

  #prologue(): void {
    const { asm } = this;
    asm.move(CONTEXT, ARGUMENT);
    asm.load(4, DATA_END, CONTEXT, XDP_MD.dataEnd);
    if (this.#widening !== undefined) {
      this.#readable(0);
      this.#readable(2);
      asm.alu(Alu.sub, 0, 2);
      asm.store(8, FRAME, this.#widening.zero, 0);
    }
    const port = this.#inputs.get("port");
    if (port !== undefined) {
      asm.load(4, 0, CONTEXT, XDP_MD.rxQueueIndex);
      asm.store(8, FRAME, port, 0);
    }
    if (["ring", "fragments", "length"].some((name) => this.#inputs.has(name as Input))) {
      this.#frame();
    }
    this.#result.begin();
  }

  /** What `ingress_ifindex` says of the frame: 6 bits ring + 1, 7 bits fragments, then the length. */
  #frame(): void {
    const { asm } = this;
    const ring = this.#inputs.get("ring");
    const fragments = this.#inputs.get("fragments");
    const length = this.#inputs.get("length");
    asm.load(4, 2, CONTEXT, XDP_MD.ingressIfindex);
    if (ring !== undefined) {
      asm.move(0, 2);
      asm.aluImmediate(Alu.and, 0, 0x3f);
      asm.aluImmediate(Alu.sub, 0, 1);
      asm.store(8, FRAME, ring, 0);
    }
    if (fragments !== undefined) {
      const several = new Label();
      asm.move(0, 2);
      asm.aluImmediate(Alu.rsh, 0, 6);
      asm.aluImmediate(Alu.and, 0, 0x7f);
      asm.jumpIfImmediate(Jump.ne, 0, 0, several);
      asm.set(0, 1);
      asm.place(several);
      asm.store(8, FRAME, fragments, 0);
    }
    if (length !== undefined) {
      const several = new Label();
      asm.move(0, 2);
      asm.aluImmediate(Alu.rsh, 0, 13);
      asm.jumpIfImmediate(Jump.ne, 0, 0, several);
      this.#readable(0);
      asm.place(several);
      asm.store(8, FRAME, length, 0);
    }
  }

  /** Bytes of the first fragment; the verifier knows nothing of such a difference. */
  #readable(to: Register): void {
    const { asm } = this;
    asm.move(to, DATA_END);
    asm.load(4, SCRATCH, CONTEXT, XDP_MD.data);
    asm.alu(Alu.sub, to, SCRATCH);
  }

  #statements(statements: readonly Statement[]): void {
    for (const statement of statements) {
      this.asm.position = statement.position;
      this.#statement(statement);
    }
  }

  #statement(statement: Statement): void {
    const { asm } = this, expressions = this.#expressions;
    switch (statement.op) {
      case "set":
        expressions.assign(statement.local, statement.value);
        break;
      case "ring":
        this.#result.ring(expressions.value(statement.value), statement.value);
        break;
      case "copy":
        this.#result.copy(expressions.value(statement.value));
        break;
      case "store":
        expressions.write(statement);
        break;
      case "effect":
        expressions.value(statement.value);
        break;
      case "if": {
        const otherwise = new Label(), end = new Label();
        expressions.branch(statement.test, otherwise, false);
        this.#statements(statement.yes);
        if (statement.no.length > 0) {
          asm.position = statement.position;
          asm.jump(end);
        }
        asm.place(otherwise);
        this.#statements(statement.no);
        asm.place(end);
        break;
      }
      case "block": {
        const end = new Label();
        this.#ends.set(statement.label, end);
        this.#statements(statement.body);
        asm.place(end);
        break;
      }
      case "loop":
        this.#loop(statement);
        break;
      case "break":
        asm.jump(this.#ends.get(statement.label)!);
        break;
      case "return":
        this.#return(statement.value);
        break;
    }
  }

  /** The verifier follows a loop turn by turn; the counter shows it that there is an end. */
  #loop({ label, bound, body, position }: LoopStatement): void {
    const { asm } = this;
    const end = new Label(), again = new Label();
    this.#ends.set(label, end);
    const counter = this.#storage.borrow();
    asm.storeImmediate(8, FRAME, counter, 0);
    asm.place(again);
    asm.load(8, 0, FRAME, counter);
    asm.jumpIfImmediate(Jump.ge, 0, bound, this.#impossible);
    asm.aluImmediate(Alu.add, 0, 1);
    asm.store(8, FRAME, counter, 0);
    this.#statements(body);
    asm.position = position;
    asm.jump(again);
    asm.place(end);
    this.#storage.giveBack(counter);
  }

  #return(value: Expression): void {
    if (value.op === "const") return this.#result.end(value.value, value.value);
    this.asm.move(0, this.#expressions.value(value));
    this.#result.end(undefined, value.hi);
  }
}
