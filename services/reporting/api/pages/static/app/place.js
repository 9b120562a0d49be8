// Where the phone is, as far as it says so in time. Never a condition: a check-in goes on without.

const FRESH_MS = 60_000;
/** Metres: what is no better than this may not tell the place of work. */
const ROUGH_M = 100;

export class Place {
  #best = null; // {position, at}: `at` by performance.now()
  #state = "idle"; // seeking, have, denied, none
  #watch = null;
  #waiting = [];

  /** `show(state, accuracy)` is called whenever something changes. */
  constructor(show) {
    this.show = show;
  }

  /** Begins to look. In a browser that asks the person first, they are asked now and not while they wait. */
  seek() {
    if (this.#watch !== null) return;
    if (!navigator.geolocation) return this.#become("none");
    this.#become("seeking");
    this.#watch = navigator.geolocation.watchPosition(
      ({ coords }) => this.#found(coords),
      (error) => this.#become(error.code === error.PERMISSION_DENIED ? "denied" : "none"),
      { enableHighAccuracy: true, maximumAge: 30_000, timeout: 30_000 },
    );
  }

  /** Looks no more: a phone's battery is its owner's. */
  stop() {
    if (this.#watch !== null) navigator.geolocation.clearWatch(this.#watch);
    this.#watch = null;
  }

  #found({ latitude, longitude, accuracy }) {
    const at = performance.now();
    const position = { lat: latitude, lon: longitude, accuracy_m: accuracy };
    if (!this.#best || at - this.#best.at > FRESH_MS / 2 || accuracy <= this.#best.position.accuracy_m) {
      this.#best = { position, at };
    }
    this.#become("have");
  }

  #become(state) {
    this.#state = state;
    const accuracy = this.#best?.position.accuracy_m;
    this.show(state === "have" && accuracy > ROUGH_M ? "rough" : state, accuracy);
    if (state !== "seeking") for (const go of this.#waiting.splice(0)) go();
  }

  /** The position, waiting at most `patience` milliseconds for one that is being looked for; null without. */
  async take(patience) {
    if (this.#state === "seeking" && !this.#fresh() && patience > 0) {
      await new Promise((go) => { this.#waiting.push(go); setTimeout(go, patience); });
    }
    return this.#fresh();
  }

  #fresh() {
    return this.#best && performance.now() - this.#best.at < FRESH_MS ? this.#best.position : null;
  }
}
