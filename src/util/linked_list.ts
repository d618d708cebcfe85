/** An item of a {@linkcode LinkedList}. It holds its neighbours, so it can be in one list only. */
export interface Linked<T> {
  previous: T | undefined;
  next: T | undefined;
}

/** A list from which any item can be removed in constant time. */
export class LinkedList<T extends Linked<T>> {
  first: T | undefined;
  last: T | undefined;
  size = 0;

  push(item: T): void {
    item.previous = this.last;
    item.next = undefined;
    if (this.last === undefined) this.first = item;
    else this.last.next = item;
    this.last = item;
    this.size++;
  }

  /** Removes an item, which must be in this list. */
  remove({ previous, next }: T): void {
    if (previous === undefined) this.first = next;
    else previous.next = next;
    if (next === undefined) this.last = previous;
    else next.previous = previous;
    this.size--;
  }
}
