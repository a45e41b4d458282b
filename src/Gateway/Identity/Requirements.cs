using Microsoft.AspNetCore.Authorization;

namespace Gateway.Identity;

/// <summary>The user is on the allow-list.</summary>
internal sealed class MayHaveWorkspace(AllowList allowed) : AuthorizationHandler<MayHaveWorkspace.Requirement>
{
    protected override Task HandleRequirementAsync(AuthorizationHandlerContext context, Requirement requirement)
    {
        if (allowed.Allows(context.User))
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

/// <summary>Marks a policy whose answers are for programs, whoever asks.</summary>
internal sealed class IsOperator(Microsoft.Extensions.Options.IOptions<IdentityOptions> options) : AuthorizationHandler<IsOperator.Requirement>
{
    protected override Task HandleRequirementAsync(AuthorizationHandlerContext context, Requirement requirement)
    {
        if (context.User.TryGetUserId(out _) && context.User.IsInRole(options.Value.OperatorRole))
        {
            context.Succeed(requirement);
        }

        return Task.CompletedTask;
    }

    internal sealed class Requirement : IAuthorizationRequirement;
}
