using Gateway.Identity.Access;
using Microsoft.AspNetCore.Authorization;
using Microsoft.Extensions.Options;

namespace Gateway.Identity;

/// <summary>An operator allowed the user, or the allow-list does and no operator denied them.</summary>
internal sealed class MayHaveWorkspace(UserAccess access) : AuthorizationHandler<MayHaveWorkspace.Requirement>
{
    protected override Task HandleRequirementAsync(AuthorizationHandlerContext context, Requirement requirement)
    {
        if (access.Allows(context.User))
        {
            context.Succeed(requirement);
        }

        return Task.CompletedTask;
    }

    internal sealed class Requirement : IAuthorizationRequirement;
}

/// <summary>A socket by cookie comes from our own pages: browsers send cookies with WebSockets of any site and ask no permission (CORS does not apply).</summary>
internal sealed class SocketFromOurOrigin(SameOrigin sameOrigin) : AuthorizationHandler<SocketFromOurOrigin.Requirement>
{
    protected override Task HandleRequirementAsync(AuthorizationHandlerContext context, Requirement requirement)
    {
        var byCookie = context.User.Identity?.AuthenticationType == IdentitySchemes.Cookie;
        if (!byCookie || context.Resource is not HttpContext http || !http.Request.IsUpgrade() || sameOrigin.HasOurOrigin(http.Request))
        {
            context.Succeed(requirement);
        }

        return Task.CompletedTask;
    }

    internal sealed class Requirement : IAuthorizationRequirement;
}

/// <summary>Marks a policy whose answers are for programs, whoever asks, unless it guards pages.</summary>
internal sealed class IsOperator(IOptions<IdentityOptions> options, UserAccess access) : AuthorizationHandler<IsOperator.Requirement>
{
    protected override Task HandleRequirementAsync(AuthorizationHandlerContext context, Requirement requirement)
    {
        var inRole = context.User.IsInRole(options.Value.OperatorRole) || (requirement.OrViewer && context.User.IsInRole(options.Value.ViewerRole));
        if (inRole && context.User.TryGetUserId(out _) && !access.IsDenied(context.User))
        {
            context.Succeed(requirement);
        }

        return Task.CompletedTask;
    }

    internal sealed class Requirement : IAuthorizationRequirement
    {
        /// <summary>A viewer will do: nothing is changed.</summary>
        public bool OrViewer { get; init; }

        /// <summary>What it guards is a page, and a person is answered with one.</summary>
        public bool ForPages { get; init; }
    }
}
