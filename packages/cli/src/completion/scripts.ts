/** The command that the scripts ask; it is not for people. */
export const completeCommand = '__complete';

/** Stands where a candidate would when the shell is to offer files. */
export const filesDirective = '\t:files';

/** What a shell has to run to complete the words of `protect`, by the shell's name. */
export const completionScripts = {
  bash: `# Completion of protect for bash; use it with: source <(protect completion bash)
_protect() {
  local rest=\${COMP_LINE:0:COMP_POINT} word='' line candidate
  local -a words=()
  rest=\${rest#"\${COMP_WORDS[0]}"}
  # Bash takes words apart at = and : as well; what has no blank before it belongs to the word before.
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD}"; do
    if [[ $rest == [[:space:]]* || \${#words[@]} -eq 0 ]]; then
      rest=\${rest#"\${rest%%[![:space:]]*}"}
      words+=('')
    fi
    # The cursor can be inside the last one.
    [[ $rest == "$word"* ]] || word=$rest
    words[-1]+=$word
    rest=\${rest#"$word"}
  done
  [[ $word == [:=] ]] && word=''
  # Only the part behind the last = or : is replaced.
  local kept=\${words[-1]%"$word"}
  COMPREPLY=()
  while IFS= read -r line; do
    if [[ $line == $'\\t:files' ]]; then
      compopt -o filenames
      while IFS= read -r candidate; do COMPREPLY+=("$candidate"); done < <(compgen -f -- "$word")
      return
    fi
    candidate=\${line%%$'\\t'*}
    printf -v candidate %q "\${candidate#"$kept"}"
    COMPREPLY+=("$candidate")
  done < <("\${COMP_WORDS[0]}" ${completeCommand} -- "\${words[@]}" 2>/dev/null)
}
complete -F _protect protect
`,
  zsh: `#compdef protect
# Completion of protect for zsh; use it with: source <(protect completion zsh)
_protect() {
  local line
  local -a described
  for line in "\${(@f)$("\${words[1]}" ${completeCommand} -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    if [[ $line == $'\\t:files' ]]; then
      _files
      return
    fi
    [[ -n $line ]] || continue
    described+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done
  _describe -t values value described
}
if [[ \${funcstack[1]} == _protect ]]; then
  _protect "$@"
else
  (( \${+functions[compdef]} )) || { autoload -Uz compinit && compinit }
  compdef _protect protect
fi
`,
  fish: `# Completion of protect for fish; use it with: protect completion fish | source
function __protect_complete
    set -l words (commandline --tokenize --cut-at-cursor --current-process)
    set -l current (commandline --cut-at-cursor --current-token)
    set -l lines ($words[1] ${completeCommand} -- $words[2..] "$current" 2>/dev/null)
    if test "$lines[1]" = \\t:files
        __fish_complete_path $current
    else
        printf '%s\\n' $lines
    end
end
complete --command protect --no-files --arguments '(__protect_complete)'
`,
} as const;

export type Shell = keyof typeof completionScripts;
