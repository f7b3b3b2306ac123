// Finds where in a config file a setting is: its line, and the name of its rule. Quotes no other value, since any may be a
// secret.
import { findNodeAtLocation, type Node, parseTree } from 'jsonc-parser';

/** What a rule's name may be; any other text is not repeated. */
const NAME = /^[\w.:*-]{1,64}$/;

export class Places {
  private readonly root: Node | undefined;

  /** @param text JSON, with comments */
  constructor(private readonly text: string) {
    this.root = parseTree(text);
  }

  /** @param path as zod reports it; of a setting that is missing, the place is that of the object where it belongs */
  of(path: readonly PropertyKey[]): { readonly line?: number; readonly rule?: string } {
    const rule =
      path[0] === 'rules' && path.length > 1 ? this.find([...path.slice(0, 2), 'name'])?.value : undefined;
    const node = this.find(path) ?? this.find(path.slice(0, -1));
    return {
      ...(node !== undefined && { line: this.lineOf(node) }),
      ...(typeof rule === 'string' && NAME.test(rule) && { rule }),
    };
  }

  private find(path: readonly PropertyKey[]): Node | undefined {
    if (this.root === undefined) return undefined;
    return findNodeAtLocation(
      this.root,
      path.map((part) => (typeof part === 'number' ? part : String(part))),
    );
  }

  /** From 1. A setting begins at its key. */
  private lineOf(node: Node): number {
    const { offset } = node.parent?.type === 'property' ? node.parent : node;
    return this.text.slice(0, offset).split(/\r\n|\n|\r/).length;
  }
}
