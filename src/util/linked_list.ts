/** What a {@linkcode LinkedList} holds: an object that knows its neighbours, and is in one list at a time. */
export interface Linked<T> {
  previous: T | undefined;
  next: T | undefined;
}

/** A list that any of its items can leave in constant time. */
export class LinkedList<T extends Linked<T>> {
  first: T | undefined;
  last: T | undefined;
  size = 0;

  /** Puts an item at the end. */
  push(item: T): void {
    item.previous = this.last;
    item.next = undefined;
    if (this.last === undefined) this.first = item;
    else this.last.next = item;
    this.last = item;
    this.size++;
  }

  /** Takes an item out; it must be in this list. */
  remove({ previous, next }: T): void {
    if (previous === undefined) this.first = next;
    else previous.next = next;
    if (next === undefined) this.last = previous;
    else next.previous = previous;
    this.size--;
  }
}
