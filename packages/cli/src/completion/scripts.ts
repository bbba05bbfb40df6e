/**
 * What a shell runs to complete `quayside`. Each asks the command itself what may stand where the cursor is (`quayside __complete`, with the
 * words up to there), so that names come from the configuration and the store.
 */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

export const SCRIPTS: { readonly [Name in Shell]: string } = {
  bash: `# quayside in bash: eval "$(quayside completion bash)" in ~/.bashrc
_quayside() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do
    [ -n "$line" ] && COMPREPLY+=("\${line%%$'\\t'*}")
  done < <(quayside __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _quayside quayside`,
  zsh: `#compdef quayside
# quayside in zsh: source <(quayside completion zsh) in ~/.zshrc, behind compinit
_quayside() {
  local line
  local -a found
  while IFS= read -r line; do
    found+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done < <(quayside __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)
  if (( \${#found} )); then _describe 'quayside' found; else _files; fi
}
# Of a file in fpath this is the first call; what is sourced is only made known.
if [ "$funcstack[1]" = _quayside ]; then _quayside "$@"; else compdef _quayside quayside; fi`,
  fish: `# quayside in fish: quayside completion fish > ~/.config/fish/completions/quayside.fish
function __quayside_complete
    set -l words (commandline -opc) (commandline -ct)
    quayside __complete $words[2..-1] 2>/dev/null
end
complete -c quayside -e
complete -c quayside -f -a '(__quayside_complete)'
complete -c quayside -s c -l config -r -F -d 'The configuration'`,
};
