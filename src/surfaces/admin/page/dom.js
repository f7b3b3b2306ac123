// Makes elements. Owns nothing. Text only ever becomes text: keys of untrusted clients come through here.

const SVG = 'http://www.w3.org/2000/svg';

/** @typedef {Record<string, string | number | boolean>} Attributes `true`: there, without a value; `false`: not there */

/** @param {string} id */
export function byId(id) {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`no element #${id}`);
  return found;
}

/**
 * @param {string} tag
 * @param {Attributes} [attributes]
 * @param {...(Node | string)} children
 */
export function element(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/**
 * @param {string} tag
 * @param {Attributes} [attributes]
 * @param {...(Node | string)} children
 */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

/**
 * Leaves an element alone that has the text already: what is selected stays so.
 * @param {Element} target
 * @param {string} text
 */
export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

/**
 * @template {Element} E
 * @param {E} target
 * @param {Attributes} attributes
 * @param {(Node | string)[]} children
 * @returns {E}
 */
function fill(target, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false) target.setAttribute(name, value === true ? '' : String(value));
  }
  target.append(...children);
  return target;
}
