using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using Xunit;

namespace Gateway.FunctionalTests.Workspaces;

/// <summary>What a machine is told of its user, end to end: signed, replacing whatever the client claims, under keys that every replica publishes.</summary>
public sealed class AssertionTests
{
    [Fact]
    public async Task Request_CarriesTheGatewaysWordForThisUserAndMachine_WhateverTheClientClaims()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync();
        using var alice = gateway.ClientOf("alice");
        using var request = new HttpRequestMessage(HttpMethod.Get, "/");
        request.Headers.TryAddWithoutValidation("Gateway-Assertion", "forged");
        request.Headers.TryAddWithoutValidation("Gateway-User", "bob");

        using var answer = await alice.SendAsync(request);

        var seen = (await answer.Content.ReadFromJsonAsync<JsonNode>())!["headers"]!.AsObject();
        Assert.False(seen.ContainsKey("Gateway-User"));
        var assertion = seen["Gateway-Assertion"]!.GetValue<string>();
        Assert.Equal("alice", await UserOfAsync(assertion, cloud.Simulator.MachineOf("alice").Id, gateway));
        Assert.Null(await UserOfAsync(assertion, "another machine", gateway));
    }

    [Fact]
    public async Task WordOfOneReplica_VerifiesUnderTheKeysOfAnother_AlsoAfterARestartOfAll()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var one = await cloud.StartGatewayAsync();
        var other = await cloud.StartGatewayAsync();
        using var alice = one.ClientOf("alice");
        var assertion = await AssertionOfAsync(alice);

        var machine = cloud.Simulator.MachineOf("alice").Id;
        Assert.Equal("alice", await UserOfAsync(assertion, machine, other));
        await one.DisposeAsync();
        await other.DisposeAsync();
        Assert.Equal("alice", await UserOfAsync(assertion, machine, await cloud.StartGatewayAsync()));
    }

    [Fact]
    public async Task WarmRequests_CarryOneAssertion_AndAnotherUsersIsTheirOwn()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync();
        using var alice = gateway.ClientOf("alice");
        using var bob = gateway.ClientOf("bob");

        var first = await AssertionOfAsync(alice);

        Assert.Equal(first, await AssertionOfAsync(alice));
        Assert.NotEqual(first, await AssertionOfAsync(bob));
    }

    [Fact]
    public async Task WorkspaceThatVerifiesOnEveryPath_BecomesReady()
    {
        await using var cloud = await GatewayEnvironment.StartAsync(static options => options.Answer = static context =>
        {
            // The health path and the socket that readiness waits for among them.
            var refused = context.Request.Headers["Gateway-Assertion"].Count != 1;
            context.Response.StatusCode = refused ? StatusCodes.Status401Unauthorized : StatusCodes.Status200OK;
            return Task.FromResult(refused || context.Request.Path == "/verified");
        });
        var gateway = await cloud.StartGatewayAsync(("Waking:HealthPath", "/verified"), ("Waking:SocketPath", "/terminal"));
        using var alice = gateway.ClientOf("alice");

        using var answer = await alice.GetAsync("/").WaitAsync(Eventually.Limit);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    private static async Task<string> AssertionOfAsync(HttpClient client) =>
        (await client.GetFromJsonAsync<JsonNode>("/"))!["headers"]!["Gateway-Assertion"]!.GetValue<string>();

    private static async Task<string?> UserOfAsync(string assertion, string machine, RunningGateway gateway)
    {
        using var anybody = RunningGateway.Client(gateway.Url, null);
        using var answer = await anybody.GetAsync("/.gateway/jwks.json");
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        var published = await answer.Content.ReadAsStringAsync();
        Assert.DoesNotContain("\"d\"", published, StringComparison.Ordinal);

        // As docs/workspace-contract.md shows it.
        var keys = new JsonWebKeySet(published);
        var result = await new JsonWebTokenHandler().ValidateTokenAsync(assertion, new TokenValidationParameters
        {
            ValidAlgorithms = ["ES256"],
            ValidIssuer = "gateway",
            ValidAudience = machine,
            IssuerSigningKeys = keys.GetSigningKeys(),
            ClockSkew = TimeSpan.FromMinutes(1),
        });
        return result.IsValid ? result.ClaimsIdentity.FindFirst("sub")?.Value : null;
    }
}
