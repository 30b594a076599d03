/* Where the map gets its numbers and its tiles from. */

export const root = new URL("../", document.baseURI);

/** Content of a file. The host is asked each time whether it changed, whatever a browser may keep: old numbers never meet new codes. */
export async function json(path) {
  const answer = await fetch(new URL(path, root), { cache: "no-cache" });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}

const held = {};
/** Content of a file that was fetched once. */
export const kept = (path) => (held[path] ??= json(path).catch((error) => { delete held[path]; throw error; }));

/** Numbers of one measure of a level. */
export const column = (level, name) => kept(`${level.columns}/${name}.json`).then((one) => one.values);

/** Bytes of an archive by range; a host that sends the whole file instead is asked once, and the file is kept. */
class Archive {
  constructor(url) { this.url = url; this.file = null; }
  getKey() { return this.url; }
  async getBytes(offset, length, signal) {
    if (!this.file) {
      const headers = { Range: `bytes=${offset}-${offset + length - 1}` };
      const answer = await fetch(this.url, { headers, signal });
      if (!answer.ok) throw new Error(`${answer.status}`);
      const bytes = await answer.arrayBuffer();
      if (answer.status === 206) return { data: bytes };
      this.file = bytes;
    }
    return { data: this.file.slice(offset, offset + length) };
  }
}

/** Whether the host sends parts of a file. Some send the whole for each part, others send other bytes than those asked for. */
async function sendsParts(url) {
  const stop = new AbortController();
  try {
    const answer = await fetch(url, { headers: { Range: "bytes=0-6" }, signal: stop.signal });
    return answer.status === 206 && new TextDecoder().decode(await answer.arrayBuffer()) === "PMTiles";
  } catch { return false; } finally { stop.abort(); } // the rest of a file that came whole is not loaded
}

let parts = null;

/** The tiles of a level as the map's library takes them.
 * @param {object} level  The level.
 * @param {object} protocol  The reader of archives.
 */
export async function tilesOf(level, protocol) {
  // What a host does with one archive it does with all: it is tried once.
  if (level.folder) parts ??= sendsParts(new URL(`${level.tiles}?v=${level.edition}`, root));
  const tiles = level.folder && !(await parts) ? level.folder : level.tiles;
  const source = { type: "vector", promoteId: "code" };
  if (!tiles.endsWith(".pmtiles")) {
    // Braces of the pattern must not be escaped.
    return { ...source, bounds: level.bounds, tiles: [`${root.href}${tiles}?v=${level.edition}`], minzoom: level.zooms[0], maxzoom: level.zooms[1] };
  }
  // Parts of one archive never meet parts of another: other shapes have another address.
  level.archive ??= new Archive(new URL(`${tiles}?v=${level.edition}`, root).href);
  protocol.add(new window.pmtiles.PMTiles(level.archive));
  return { ...source, url: `pmtiles://${level.archive.url}` };
}
