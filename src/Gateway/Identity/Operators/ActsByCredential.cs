using Microsoft.AspNetCore.Authorization;

namespace Gateway.Identity.Operators;

/// <summary>
/// What the API changes, it changes for a credential that its sender put into the request. A cookie comes along by itself, with whatever page asks; the
/// console's own forms carry a proof and have endpoints of their own.
/// </summary>
internal sealed class ActsByCredential : AuthorizationHandler<ActsByCredential.Requirement>
{
    protected override Task HandleRequirementAsync(AuthorizationHandlerContext context, Requirement requirement)
    {
        if (context.User.Identity?.AuthenticationType != IdentitySchemes.Console)
        {
            context.Succeed(requirement);
        }

        return Task.CompletedTask;
    }

    internal sealed class Requirement : IAuthorizationRequirement;
}

/// <summary>By the console's cookie only the console's own pages read; people may follow a link to a page from anywhere.</summary>
internal sealed class ReadByOwnPage : AuthorizationHandler<ReadByOwnPage.Requirement>
{
    protected override Task HandleRequirementAsync(AuthorizationHandlerContext context, Requirement requirement)
    {
        if (context.User.Identity?.AuthenticationType != IdentitySchemes.Console || context.Resource is not HttpContext { Request: var request } || IsOwn(request))
        {
            context.Succeed(requirement);
        }

        return Task.CompletedTask;
    }

    // Without fetch metadata the answer is still unreadable to other origins; there is no CORS here.
    private static bool IsOwn(HttpRequest request) =>
        request.GetClientKind() == ClientKind.Navigation || (string?)request.Headers["Sec-Fetch-Site"] is null or "" or "same-origin" or "none";

    internal sealed class Requirement : IAuthorizationRequirement;
}
