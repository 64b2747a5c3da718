// Making elements. What strangers wrote goes in as text only: nothing here reads markup.

/** Make an element. Attributes: a function listens, false and null are left out. Strings become text. */
export function el(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

export const byId = (id) => document.getElementById(id);

/**
 * Make a list's children stand for items, keeping those whose item and language did not change.
 * key: tells items apart; make: makes the element for one.
 */
export function fill(list, items, key, make) {
  const old = new Map([...list.children].map((child) => [child.dataset.key, child]));
  const wanted = items.map((item) => {
    const made = JSON.stringify([document.documentElement.lang, item]);
    const kept = old.get(String(key(item)));
    if (kept && kept.made === made) return kept;
    const fresh = make(item);
    fresh.made = made;
    fresh.dataset.key = key(item);
    return fresh;
  });
  wanted.forEach((child, index) => {
    if (list.children[index] !== child) list.insertBefore(child, list.children[index] ?? null);
  });
  while (list.children.length > wanted.length) list.lastElementChild.remove();
}

/** Put the focus on the same control after its element was made anew; control: tells it apart within the document. */
export function keepFocus(change) {
  const name = document.activeElement?.dataset?.focus;
  change();
  if (name && document.activeElement?.dataset?.focus !== name) {
    document.querySelector(`[data-focus="${CSS.escape(name)}"]`)?.focus();
  }
}

/**
 * Call a function at once, but one call at a time and with a pause after each; what comes meanwhile makes one more call.
 * act: returns a promise that never fails.
 */
export function seldom(milliseconds, act) {
  let busy = false;
  let again = false;
  return async () => {
    again = true;
    if (busy) return;
    busy = true;
    while (again) {
      again = false;
      await act();
      await new Promise((resolve) => setTimeout(resolve, milliseconds));
    }
    busy = false;
  };
}

/** Scroll a list to its end after a change, if it was there before. */
export function stayAtEnd(list, change) {
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
  change();
  if (atEnd) list.scrollTop = list.scrollHeight;
}
