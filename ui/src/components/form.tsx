import { useMutation, useQueryClient } from '@tanstack/react-query'
import { sayProblem, say } from './toast'

/** A write: on success everything that may have changed is read again, on failure it says why. */
export function useWrite<Input, Output>(
  write: (input: Input) => Promise<Output>,
  options: { done?: string | ((output: Output) => string); after?: (output: Output) => void; quiet?: boolean } = {},
) {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: write,
    onSuccess: async (output) => {
      if (options.done) say(typeof options.done === 'function' ? options.done(output) : options.done)
      options.after?.(output)
      await queries.invalidateQueries()
    },
    onError: (error) => {
      if (!options.quiet) sayProblem(error)
    },
  })
}
