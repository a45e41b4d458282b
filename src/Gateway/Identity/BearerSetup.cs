using Gateway.Identity.Access;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Tokens;

namespace Gateway.Identity;

/// <summary>Bearer tokens of the provider, for programs.</summary>
internal sealed class BearerSetup(IOptions<IdentityOptions> identity, Provider provider, PublishedKeys keys, UserAccess access) : IConfigureNamedOptions<JwtBearerOptions>
{
    /// <summary>With HS256 the published key itself would be the secret.</summary>
    public static readonly string[] Asymmetric =
    [
        SecurityAlgorithms.RsaSha256, SecurityAlgorithms.RsaSha384, SecurityAlgorithms.RsaSha512,
        SecurityAlgorithms.RsaSsaPssSha256, SecurityAlgorithms.RsaSsaPssSha384, SecurityAlgorithms.RsaSsaPssSha512,
        SecurityAlgorithms.EcdsaSha256, SecurityAlgorithms.EcdsaSha384, SecurityAlgorithms.EcdsaSha512,
    ];

    /// <summary>How long after its end a token is still taken, for clocks that disagree.</summary>
    public static readonly TimeSpan ClockSkew = TimeSpan.FromSeconds(30);

    public void Configure(JwtBearerOptions options) => Configure(IdentitySchemes.Bearer, options);

    public void Configure(string? name, JwtBearerOptions options)
    {
        if (name != IdentitySchemes.Bearer)
        {
            return;
        }

        options.ConfigurationManager = provider.Configuration;
        options.RequireHttpsMetadata = !identity.Value.AllowHttpAuthority;
        options.MapInboundClaims = false;
        options.SaveToken = false;
        options.TokenValidationParameters = new TokenValidationParameters
        {
            ValidAudience = identity.Value.Audience,
            ValidateAudience = true,
            ValidateIssuer = true,
            ValidateIssuerSigningKey = true,
            ValidateLifetime = true,
            RequireSignedTokens = true,
            RequireExpirationTime = true,
            ClockSkew = ClockSkew,
            ValidAlgorithms = Asymmetric,
        };
        options.Events = new JwtBearerEvents { OnMessageReceived = RequireProviderAsync, OnTokenValidated = KeepUserAsync };
    }

    private async Task RequireProviderAsync(MessageReceivedContext context)
    {
        if (context.Request.Headers.Authorization.Count == 0)
        {
            return;
        }

        // Without the provider's keys a good token looks forged; that is our trouble and not the caller's.
        if (await provider.FindAsync() is null)
        {
            context.HttpContext.Features.Set(CredentialUnknown.Token);
            context.Fail("The identity provider does not answer.");
            return;
        }

        // Read before the token is judged by them, so that a judgement never rests on keys that came after it.
        context.HttpContext.Features.Set(await keys.CurrentAsync(context.HttpContext.RequestAborted));
    }

    private Task KeepUserAsync(TokenValidatedContext context)
    {
        if (UserClaims.From(context.Principal!, identity.Value, IdentitySchemes.Bearer) is not { } user)
        {
            context.Fail("The token names no user.");
            return Task.CompletedTask;
        }

        if (access.HasEnded(user))
        {
            context.Fail("The token was ended.");
            return Task.CompletedTask;
        }

        context.Principal = user;
        context.HttpContext.Items[IdentityItems.CredentialConsumed] = true;
        return Task.CompletedTask;
    }
}
