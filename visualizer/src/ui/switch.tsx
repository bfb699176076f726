/** A box to tick, with its words beside it. */

interface SwitchProps {
  words: string;
  isOn: boolean;
  /** It cannot be pressed. */
  isOff?: boolean;
  onChange: (isOn: boolean) => void;
}

/** Something that is on or off. */
export function Switch({ words, isOn, isOff = false, onChange }: SwitchProps) {
  return (
    <label class="check">
      <input
        type="checkbox"
        checked={isOn}
        disabled={isOff}
        onChange={(event) => onChange(event.currentTarget.checked)}
      />
      {words}
    </label>
  );
}
