using Microsoft.AspNetCore.Authentication;
using OpenIddict.Abstractions;
using OpenIddict.Server.AspNetCore;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace LocalCloud.Identity;

internal static class UserinfoEndpoint
{
    public const string Path = "/connect/userinfo";
    private static readonly string[] Shown = [Claims.Subject, Claims.Name, Claims.PreferredUsername, Claims.Email, Claims.Role];

    public static async Task AnswerAsync(HttpContext context)
    {
        var user = (await context.AuthenticateAsync(OpenIddictServerAspNetCoreDefaults.AuthenticationScheme)).Principal!;
        var answer = Shown.Where(claim => user.HasClaim(claim)).ToDictionary(claim => claim, claim => (object)user.GetClaim(claim)!);
        answer[Claims.EmailVerified] = true;
        await context.Response.WriteAsJsonAsync(answer, context.RequestAborted);
    }
}
