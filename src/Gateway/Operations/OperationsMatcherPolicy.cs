using Microsoft.AspNetCore.Routing.Matching;

namespace Gateway.Operations;

/// <summary>Metadata of endpoints that exist on the operators' listener, and there alone.</summary>
internal sealed class OperationsOnly
{
    public static readonly OperationsOnly Instance = new();
}

/// <summary>
/// Each listener has its own endpoints: on the public one <c>/api/routes</c> is the workspace's path, on the operators' one there is no workspace.
/// </summary>
internal sealed class OperationsMatcherPolicy : MatcherPolicy, IEndpointSelectorPolicy
{
    // Before anything that chooses among what is left.
    public override int Order => -10_000;

    public bool AppliesToEndpoints(IReadOnlyList<Endpoint> endpoints) => endpoints.Count > 0;

    public Task ApplyAsync(HttpContext httpContext, CandidateSet candidates)
    {
        var operations = OperationsListener.IsOperations(httpContext);
        for (var i = 0; i < candidates.Count; i++)
        {
            if (candidates.IsValidCandidate(i) && operations != IsOperations(candidates[i].Endpoint))
            {
                candidates.SetValidity(i, false);
            }
        }

        return Task.CompletedTask;
    }

    private static bool IsOperations(Endpoint endpoint) => endpoint.Metadata.GetMetadata<OperationsOnly>() is not null;
}
